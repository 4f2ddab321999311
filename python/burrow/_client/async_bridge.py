"""Blocking calls awaited in an event loop: each has a thread while it waits."""

from __future__ import annotations

import asyncio
import threading

from burrow._client.cancel_scope import CancelScope
from burrow._threads import Threads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AsyncIterator, Callable, Iterator

# More calls at once wait for a thread.
MAX_THREADS = 256

_END: "Any" = object()

_threads = Threads("burrow-aio", MAX_THREADS)


async def call(function: "Callable[..., Any]", args: "tuple[Any, ...]", kwargs: "Any") -> "Any":
    """Awaits function(*args, **kwargs), which runs in a thread.

    Where the awaiting task is cancelled, the calls that the function waits for are, too.
    """
    scope = CancelScope()
    blocking = _with_sync_iterables(args)
    try:
        return await _in_thread(lambda: scope.run(function, *blocking, **kwargs), scope.ended.set)
    except asyncio.CancelledError:
        _threads.submit(scope.cancel)
        raise


async def iterate(
    function: "Callable[..., Any]", args: "tuple[Any, ...]", kwargs: "Any"
) -> "AsyncIterator[Any]":
    """Yields what the iterator function(*args, **kwargs) yields; its steps run in threads."""
    scope = CancelScope()
    turn = threading.Lock()
    blocking = _with_sync_iterables(args)
    iterator: "Any" = await _in_thread(lambda: function(*blocking, **kwargs))

    def step() -> "Any":
        with turn:
            return scope.run(next, iterator, _END)

    def close() -> None:
        with turn:
            iterator.close()
        scope.ended.set()

    try:
        while True:
            item = await _in_thread(step)
            if item is _END:
                return
            yield item
    except asyncio.CancelledError:
        _threads.submit(scope.cancel)
        _threads.submit(close)
        raise
    except GeneratorExit:
        await _in_thread(close)
        raise


async def _in_thread(work: "Callable[[], Any]", ended: "Callable[[], Any]" = lambda: None) -> "Any":
    loop = asyncio.get_running_loop()
    outcome: "asyncio.Future[Any]" = loop.create_future()

    def run() -> None:
        value, error = None, None
        try:
            value = work()
        except BaseException as raised:
            error = raised
        ended()
        try:
            loop.call_soon_threadsafe(_settle, outcome, value, error)
        except RuntimeError:
            pass  # the loop is closed: nobody waits

    _threads.submit(run)
    return await outcome


def _settle(outcome: "asyncio.Future[Any]", value: "Any", error: "BaseException | None") -> None:
    if outcome.done():
        return
    if error is None:
        outcome.set_result(value)
    elif isinstance(error, StopIteration):  # which no future takes
        outcome.set_exception(RuntimeError("the call raised StopIteration"))
    else:
        outcome.set_exception(error)


def _with_sync_iterables(args: "tuple[Any, ...]") -> "tuple[Any, ...]":
    """Async iterables as iterables for other threads, which wait for the loop's items."""
    loop = asyncio.get_running_loop()
    return tuple(_sync(arg, loop) if hasattr(type(arg), "__aiter__") else arg for arg in args)


def _sync(items: "Any", loop: "asyncio.AbstractEventLoop") -> "Iterator[Any]":
    iterator = items.__aiter__()
    while True:
        try:
            item = asyncio.run_coroutine_threadsafe(_next(iterator), loop).result()
        except StopAsyncIteration:
            return
        if item is _END:
            return
        yield item


async def _next(iterator: "Any") -> "Any":
    try:
        return await iterator.__anext__()
    except StopAsyncIteration:
        return _END
