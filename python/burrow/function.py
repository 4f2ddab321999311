"""Functions of an app: called here, or in a container."""

from __future__ import annotations

import os

from burrow._image_imports import raise_failed_import
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Generic, Iterable, Iterator, ParamSpec, TypeVar

    from burrow._client.session import Session
    from burrow.app import App
    from burrow.call import FunctionCall
    from burrow._client.deployments import FunctionStats
    from burrow.image import Image
    from burrow.retries import Retries
    from burrow.schedule import Cron, Period
    from burrow.secret import Secret

    P = ParamSpec("P")
    R = TypeVar("R")
else:

    class _Subscriptable:
        """Stands in for typing.Generic, whose import would cost each container some milliseconds."""

        def __class_getitem__(cls, item):
            return cls

    Generic = {(None, None): _Subscriptable}
    P = R = None

_CO_GENERATOR = 0x20
_CO_ASYNC_GENERATOR = 0x200


class FunctionOptions:
    """What @app.function() was given, checked. Durations in seconds, memory in MiB."""

    __slots__ = (
        "image",
        "cpu",
        "memory",
        "timeout",
        "retries",
        "min_containers",
        "max_containers",
        "scaledown_window",
        "env",
        "secrets",
        "schedule",
        "serialized",
    )

    image: "Image | None"
    cpu: float
    memory: int
    timeout: float
    retries: "Retries | None"
    min_containers: int
    max_containers: int
    scaledown_window: float
    env: "dict[str, str]"
    secrets: "list[Secret]"
    schedule: "Cron | Period | None"
    serialized: bool


class Function(Generic[P, R]):
    """A decorated function. Calling it runs it here; `remote` and its kin run it in containers.

    All that run remotely raise what the function raised, with the remote frames in the traceback,
    or a subclass of burrow.Error, and need a running app: `burrow run`, or `with app.run()`.
    """

    def __init__(
        self, app: "App", raw: "Callable[P, R]", name: str, options: FunctionOptions
    ) -> None:
        self.app = app
        self.name = name
        self.options = options
        self.__wrapped__ = raw
        self.__name__ = getattr(raw, "__name__", name)
        self.__qualname__ = getattr(raw, "__qualname__", name)
        self.__module__ = getattr(raw, "__module__", "")
        self.__doc__ = getattr(raw, "__doc__", None)

    @property
    def _burrow_raw_function(self) -> "Callable[P, R]":
        """What a container runs. Raises ImportError where its image failed to give an import."""
        raise_failed_import(self.options.image or self.app.image)
        return self.__wrapped__

    @property
    def is_generator(self) -> bool:
        """Whether the function yields, so that it is called by remote_gen()."""
        code = getattr(self.__wrapped__, "__code__", None)
        return bool(code and code.co_flags & (_CO_GENERATOR | _CO_ASYNC_GENERATOR))

    def __call__(self, *args: "P.args", **kwargs: "P.kwargs") -> "R":
        return self.__wrapped__(*args, **kwargs)

    def local(self, *args: "P.args", **kwargs: "P.kwargs") -> "R":
        """Runs the function here, in this process, like a plain call."""
        return self.__wrapped__(*args, **kwargs)

    def remote(self, *args: "P.args", **kwargs: "P.kwargs") -> "R":
        """Runs the function in a container and returns its value.

        Example:
            assert square.remote(12) == 144
        """
        if self.is_generator:
            raise InvalidError(
                "%s() is a generator: call it by %s.remote_gen()." % (self.name, self.name)
            )
        session = self._session()
        try:
            function_id = session.function_ids[self.name]
            value: "R" = session.calls.invoke(function_id, self.name, args, kwargs)
            return value
        except Exception as error:
            from burrow._client.traceback_trim import without_own_frames

            raise error.with_traceback(without_own_frames(error.__traceback__))

    def remote_gen(self, *args: "P.args", **kwargs: "P.kwargs") -> "Iterator[Any]":
        """Runs a generator function in a container and yields its items as they come.

        Closing the iterator early cancels the call.
        """
        if not self.is_generator:
            raise InvalidError("%s() is no generator: call it by remote()." % self.name)
        session = self._session()
        return session.calls.generate(session.function_ids[self.name], self.name, args, kwargs)

    def spawn(self, *args: "P.args", **kwargs: "P.kwargs") -> "FunctionCall":
        """Queues a call and returns at once with its handle.

        Example:
            call = square.spawn(12)
            assert call.get() == 144
        """
        from burrow.call import FunctionCall

        self._refuse_generator("spawn()")
        session = self._session()
        function_id = session.function_ids[self.name]
        return FunctionCall(
            session.calls.spawn(function_id, self.name, args, kwargs), session.calls
        )

    def map(
        self,
        *iterables: "Iterable[Any]",
        order_outputs: bool = True,
        return_exceptions: bool = False,
        kwargs: "dict[str, Any] | None" = None,
    ) -> "Iterator[R]":
        """Calls the function once per item, in parallel, and yields the values.

        Args:
            iterables: one per positional parameter; the shortest ends the map. They are read by
                another thread, at most 10,000 items ahead of what has been yielded.
            order_outputs: yield in the order of the inputs, or else as they finish.
            return_exceptions: yield an exception in the place of its value instead of raising it.
            kwargs: keyword arguments for every call.

        Example:
            assert list(square.map([1, 2, 3])) == [1, 4, 9]
        """
        if not iterables:
            raise InvalidError("map() needs at least one iterable.")
        return self.starmap(
            zip(*iterables),
            order_outputs=order_outputs,
            return_exceptions=return_exceptions,
            kwargs=kwargs,
        )

    def starmap(
        self,
        iterable: "Iterable[Iterable[Any]]",
        *,
        order_outputs: bool = True,
        return_exceptions: bool = False,
        kwargs: "dict[str, Any] | None" = None,
    ) -> "Iterator[R]":
        """Like map(), with each item holding all positional arguments of one call."""
        from burrow._client.map_call import MapCall

        self._refuse_generator("map()")
        session = self._session()
        call = MapCall(
            session.calls, session.function_ids[self.name], self.name, iterable, dict(kwargs or {})
        )
        return call.results(order_outputs, return_exceptions)

    def for_each(
        self,
        *iterables: "Iterable[Any]",
        ignore_exceptions: bool = False,
        kwargs: "dict[str, Any] | None" = None,
    ) -> None:
        """Like map(), for its effects: waits for every call and drops the values."""
        for _ in self.map(
            *iterables, order_outputs=False, return_exceptions=ignore_exceptions, kwargs=kwargs
        ):
            pass

    @staticmethod
    def from_name(app_name: str, name: str) -> "Function[..., Any]":
        """A function of a deployed app; needs neither its source nor a running app.

        Nothing is asked of the server before the first call, which raises NotFoundError where
        there is no such app or function.

        Example:
            square = burrow.Function.from_name("hello", "square")
            assert square.remote(12) == 144
        """
        from burrow._deployed import DeployedFunction

        return DeployedFunction(app_name, name)

    def get_current_stats(self) -> "FunctionStats":
        """How many calls wait (`backlog`), and how many containers there are (`num_total_runners`)."""
        from burrow._client.deployments import current_stats

        session = self._session()
        return current_stats(session.calls, session.function_ids[self.name])

    def update_autoscaler(
        self,
        *,
        min_containers: "int | None" = None,
        max_containers: "int | None" = None,
        buffer_containers: "int | None" = None,
        scaledown_window: "float | None" = None,
    ) -> None:
        """Changes how the function scales, until it is deployed again; None leaves as it is."""
        from burrow._client.deployments import update_autoscaler

        settings: "dict[str, Any]" = {
            "minContainers": min_containers,
            "maxContainers": max_containers,
            "bufferContainers": buffer_containers,
            "scaledownWindowMs": None if scaledown_window is None else int(scaledown_window * 1000),
        }
        session = self._session()
        given = {name: value for name, value in settings.items() if value is not None}
        update_autoscaler(session.calls, session.function_ids[self.name], given)

    def _refuse_generator(self, method: str) -> None:
        if self.is_generator:
            raise InvalidError("%s cannot call a generator: use remote_gen()." % method)

    def _session(self) -> "Session":
        session: "Session | None" = self.app._callable()
        if session is not None:
            return session
        if os.environ.get("BURROW_CONTAINER_ID"):
            raise InvalidError(
                "%s() runs in a container, which cannot start calls: use .local() there."
                % self.name
            )
        raise InvalidError(
            "The app %r is not running: use `burrow run`, or `with app.run():` around the call; "
            "one that is deployed is called by burrow.Function.from_name()." % self.app.name
        )

    def __reduce__(self) -> "tuple[Any, ...]":
        # By value it travels with the plain function, so that it can be called where it arrives.
        return _unpickled, (self.app.name, self.__wrapped__, self.name)

    def __repr__(self) -> str:
        return "<burrow.Function %s of %s>" % (self.name, self.app.name)


def _unpickled(app_name: str, raw: "Callable[..., Any]", name: str) -> "Function[..., Any]":
    from burrow.app import App

    return App(app_name).function(name=name)(raw)
