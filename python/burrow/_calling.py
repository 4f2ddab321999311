"""How functions and methods of an app are called: here, or in containers."""

from __future__ import annotations

import os

from burrow._aio import with_aio, with_async_iterator
from burrow.exception import AppNotRunningError, InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Generic, Iterable, Iterator, ParamSpec, TypeVar

    from burrow._aio import AioCall, AioIterator
    from burrow._client.calls import CallClient
    from burrow._client.deployments import FunctionStats
    from burrow._client.session import Session
    from burrow._container_app import ContainerApp
    from burrow._deployed import Deployed
    from burrow.app import App
    from burrow.call import FunctionCall
    from burrow.cls import Cls
    from burrow.function import Function

    P = ParamSpec("P")
    R = TypeVar("R")
else:

    class _Subscriptable:
        """Stands in for typing.Generic, whose import would cost each container some milliseconds."""

        def __class_getitem__(cls, item):
            return cls

    Generic = {(None, None): _Subscriptable}
    P = R = None


# The function or class that this container serves, where it was found in a module.
served: "Function[..., Any] | Cls | None" = None


class CallTarget:
    """Whom a call goes to: a client, the server's id of the function, and the method of a class."""

    __slots__ = ("calls", "function_id", "method")

    def __init__(self, calls: "CallClient", function_id: str, method: str = "") -> None:
        self.calls = calls
        self.function_id = function_id
        self.method = method


class Scaled:
    """A set of containers that serve the same calls: a function's, or those of one set of parameters."""

    def _containers(self) -> "CallTarget":
        raise NotImplementedError

    @with_aio
    def get_current_stats(self) -> "FunctionStats":
        """How many calls wait (`backlog`), and how many containers there are (`num_total_runners`)."""
        from burrow._client.deployments import current_stats

        return current_stats(self._containers())

    @with_aio
    def update_autoscaler(
        self,
        *,
        min_containers: "int | None" = None,
        max_containers: "int | None" = None,
        buffer_containers: "int | None" = None,
        scaledown_window: "float | None" = None,
    ) -> None:
        """Changes how the containers scale, until the app is deployed again; None leaves as it is."""
        from burrow._client.deployments import update_autoscaler

        update_autoscaler(
            self._containers(),
            min_containers,
            max_containers,
            buffer_containers,
            scaledown_window,
        )


class Callee(Generic[P, R]):
    """What is called by `remote` and its kin.

    All that run remotely raise what the function raised, with the remote frames in the traceback,
    or a subclass of burrow.Error, and need a running app: `burrow run`, `with app.run()`, or a container
    of the app. Each has
    a form for event loops: `await f.remote.aio(x)`, `async for y in f.map.aio(xs)`; cancelling the task
    that awaits cancels the call.
    """

    name: str

    @property
    def is_generator(self) -> bool:
        """Whether it yields, so that it is called by remote_gen()."""
        raise NotImplementedError

    def _target(self) -> CallTarget:
        raise NotImplementedError

    def _remote(self, /, *args: "P.args", **kwargs: "P.kwargs") -> "R":
        """Runs the function in a container and returns its value.

        Example:
            assert square.remote(12) == 144
        """
        if self.is_generator:
            raise InvalidError(
                "%s() is a generator: call it by %s.remote_gen()." % (self.name, self.name)
            )
        target = self._target()
        try:
            value: "R" = target.calls.invoke(
                target.function_id, self.name, args, kwargs, target.method
            )
            return value
        except Exception as error:
            from burrow._client.traceback_trim import without_own_frames

            raise error.with_traceback(without_own_frames(error.__traceback__))

    if TYPE_CHECKING:

        @property
        def remote(self) -> "AioCall[P, R]":
            """See _remote."""

    else:
        remote = with_aio(_remote)

    def _remote_gen(self, /, *args: "P.args", **kwargs: "P.kwargs") -> "Iterator[Any]":
        """Runs a generator function in a container and yields its items as they come.

        Closing the iterator early cancels the call.
        """
        if not self.is_generator:
            raise InvalidError("%s() is no generator: call it by remote()." % self.name)
        target = self._target()
        return target.calls.generate(target.function_id, self.name, args, kwargs, target.method)

    if TYPE_CHECKING:

        @property
        def remote_gen(self) -> "AioIterator[P, Any]":
            """See _remote_gen."""

    else:
        remote_gen = with_async_iterator(_remote_gen)

    def _spawn(self, /, *args: "P.args", **kwargs: "P.kwargs") -> "FunctionCall":
        """Queues a call and returns at once with its handle.

        Example:
            call = square.spawn(12)
            assert call.get() == 144
        """
        from burrow.call import FunctionCall

        target = self._target()
        call_id = target.calls.spawn(target.function_id, self.name, args, kwargs, target.method)
        return FunctionCall(call_id, target.calls)

    if TYPE_CHECKING:

        @property
        def spawn(self) -> "AioCall[P, FunctionCall]":
            """See _spawn."""

    else:
        spawn = with_aio(_spawn)

    @with_async_iterator
    def map(
        self,
        *iterables: "Iterable[Any]",
        order_outputs: bool = True,
        return_exceptions: bool = False,
        wrap_returned_exceptions: "bool | None" = None,
        kwargs: "dict[str, Any] | None" = None,
    ) -> "Iterator[R]":
        """Calls the function once per item, in parallel, and yields the values.

        Args:
            iterables: one per positional parameter; the shortest ends the map. They are read by
                another thread, at most 10,000 items ahead of what has been yielded.
            order_outputs: yield in the order of the inputs, or else as they finish.
            return_exceptions: yield an exception in the place of its value instead of raising it.
            wrap_returned_exceptions: changes nothing: what is yielded is what the function raised.
            kwargs: keyword arguments for every call.

        Example:
            assert list(square.map([1, 2, 3])) == [1, 4, 9]
        """
        if not iterables:
            raise InvalidError("map() needs at least one iterable.")
        return self._map(zip(*iterables), order_outputs, return_exceptions, kwargs)

    @with_async_iterator
    def starmap(
        self,
        iterable: "Iterable[Iterable[Any]]",
        *,
        order_outputs: bool = True,
        return_exceptions: bool = False,
        wrap_returned_exceptions: "bool | None" = None,
        kwargs: "dict[str, Any] | None" = None,
    ) -> "Iterator[R]":
        """Like map(), with each item holding all positional arguments of one call."""
        return self._map(iterable, order_outputs, return_exceptions, kwargs)

    def _map(
        self,
        inputs: "Iterable[Iterable[Any]]",
        order_outputs: bool,
        return_exceptions: bool,
        kwargs: "dict[str, Any] | None",
    ) -> "Iterator[Any]":
        from burrow._client.map_call import MapCall

        self._refuse_generator("map()")
        return MapCall(self._target(), self.name, inputs, dict(kwargs or {})).results(
            order_outputs, return_exceptions
        )

    @with_aio
    def for_each(
        self,
        *iterables: "Iterable[Any]",
        ignore_exceptions: bool = False,
        kwargs: "dict[str, Any] | None" = None,
    ) -> None:
        """Like map(), for its effects: waits for every call and drops the values."""
        if not iterables:
            raise InvalidError("for_each() needs at least one iterable.")
        for _ in self._map(zip(*iterables), False, ignore_exceptions, kwargs):
            pass

    @with_aio
    def spawn_map(
        self, *iterables: "Iterable[Any]", kwargs: "dict[str, Any] | None" = None
    ) -> "FunctionCall":
        """Queues one call per item and returns when all are queued, with one handle for them.

        Example:
            calls = square.spawn_map([1, 2, 3])
            assert list(calls.iter()) == [1, 4, 9]
        """
        from burrow._client.map_call import MapCall
        from burrow.call import FunctionCall

        if not iterables:
            raise InvalidError("spawn_map() needs at least one iterable.")
        self._refuse_generator("spawn_map()")
        target = self._target()
        mapped = MapCall(target, self.name, zip(*iterables), dict(kwargs or {}))
        group_id, inputs = mapped.submit_all()
        return FunctionCall(group_id, target.calls, inputs)

    def _refuse_generator(self, method: str) -> None:
        if self.is_generator:
            raise InvalidError("%s cannot call a generator: use remote_gen()." % method)


def running_session(app: "App", name: str) -> "Session | Deployed | ContainerApp":
    """What knows the server's ids of the functions of an app that runs or is deployed, or is this container's.

    Raises:
        AppNotRunningError: it is none of these; `name` is what was to be called.
    """
    session = app._callable()
    if session is not None:
        return session
    if os.environ.get("BURROW_CONTAINER_ID"):
        from burrow._container_app import container_app

        return container_app(app, name)
    raise AppNotRunningError(
        "The app %r is not running: use `burrow run`, or `with app.run():` around the call; "
        "one that is deployed is called by burrow.Function.from_name()." % app.name
    )
