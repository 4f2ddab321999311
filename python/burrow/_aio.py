"""`call.aio(...)` beside `call(...)`: the same in an event loop, where cancelling cancels the call."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import (
        Any,
        AsyncIterator,
        Callable,
        Concatenate,
        Coroutine,
        Generic,
        Iterator,
        ParamSpec,
        Protocol,
        TypeVar,
    )

    P = ParamSpec("P")
    R = TypeVar("R")
    R_co = TypeVar("R_co", covariant=True)

    class AioCall(Protocol[P, R_co]):
        """A method that returns, and its form for event loops."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
            ...

        def aio(self, *args: P.args, **kwargs: P.kwargs) -> Coroutine[Any, Any, R_co]:
            ...

    class AioIterator(Protocol[P, R_co]):
        """A method that yields, and its form for event loops."""

        def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Iterator[R_co]:
            ...

        def aio(self, *args: P.args, **kwargs: P.kwargs) -> AsyncIterator[R_co]:
            ...

    class with_aio(Generic[P, R]):
        """Decorates a method that returns a value."""

        def __init__(self, function: Callable[Concatenate[Any, P], R]) -> None:
            ...

        def __get__(self, instance: object, owner: Any = None) -> AioCall[P, R]:
            ...

    class with_async_iterator(Generic[P, R]):
        """Decorates a method that returns an iterator."""

        def __init__(self, function: Callable[Concatenate[Any, P], Iterator[R]]) -> None:
            ...

        def __get__(self, instance: object, owner: Any = None) -> AioIterator[P, R]:
            ...

    class static_with_aio(Generic[P, R]):
        """Decorates a function of a class that has no self and returns a value."""

        def __init__(self, function: Callable[P, R]) -> None:
            ...

        def __get__(self, instance: object, owner: Any = None) -> AioCall[P, R]:
            ...

else:

    class _Bound:
        __slots__ = ("_function", "_instance", "_entry", "__doc__")

        def __init__(self, function, instance, entry):
            self._function = function
            self._instance = instance
            self._entry = entry
            self.__doc__ = function.__doc__

        def __call__(self, *args, **kwargs):
            return self._function(self._instance, *args, **kwargs)

        def aio(self, *args, **kwargs):
            from burrow._client import async_bridge

            run = getattr(async_bridge, self._entry)
            return run(self._function, (self._instance,) + args, kwargs)

    class with_aio:
        """Decorates a method that returns a value."""

        _entry = "call"

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __get__(self, instance, owner=None):
            return self if instance is None else _Bound(self._function, instance, self._entry)

    class with_async_iterator(with_aio):
        """Decorates a method that returns an iterator."""

        _entry = "iterate"

    class static_with_aio:
        """Decorates a function of a class that has no self and returns a value."""

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __get__(self, instance, owner=None):
            return self

        def __call__(self, *args, **kwargs):
            return self._function(*args, **kwargs)

        def aio(self, *args, **kwargs):
            from burrow._client import async_bridge

            return async_bridge.call(self._function, args, kwargs)
