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
    # A call of it has no frame of its own, and `functools` would add to each container's start.
    class _Bound(__import__("_functools").partial):
        def aio(self, *args, **kwargs):
            from burrow._client import async_bridge

            return async_bridge.call(self.func, self.args + args, kwargs)

    class _BoundIterator(__import__("_functools").partial):
        def aio(self, *args, **kwargs):
            from burrow._client import async_bridge

            return async_bridge.iterate(self.func, self.args + args, kwargs)

    class with_aio:
        """Decorates a method that returns a value."""

        _bound = _Bound

        def __init__(self, function):
            self._function = function
            self.__doc__ = function.__doc__

        def __get__(self, instance, owner=None):
            return self if instance is None else self._bound(self._function, instance)

    class with_async_iterator(with_aio):
        """Decorates a method that returns an iterator."""

        _bound = _BoundIterator

    def static_with_aio(function):
        """Decorates a function of a class that has no self and returns a value."""
        return staticmethod(_Bound(function))
