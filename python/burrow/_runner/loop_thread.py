"""An event loop in a thread of its own, for the calls of async functions."""

from __future__ import annotations

import asyncio
import threading

from burrow._call_context import enter_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Coroutine

_CLOSE_PATIENCE_S = 2.0


class LoopThread:
    """The loop runs until it is closed. May be used from any thread but its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._tasks: "set[asyncio.Task[Any]]" = set()  # so that none is collected while it runs
        self._thread = threading.Thread(target=self._run, name="burrow-loop", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        enter_call("")  # of no call, whichever has asked for the loop first
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Lets the coroutine run as a task."""
        self._loop.call_soon_threadsafe(self._create, coroutine)

    def _create(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        task = self._loop.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def wait(self, awaitable: Any) -> Any:
        """Awaits something on the loop; returns its value or raises what it raised."""
        return asyncio.run_coroutine_threadsafe(_awaited(awaitable), self._loop).result()

    def cancel_of_current(self) -> Callable[[], Any]:
        """What cancels the task that asks; may be called from any thread."""
        task = asyncio.current_task()
        assert task is not None
        cancel = task.cancel
        return lambda: self._loop.call_soon_threadsafe(cancel)

    def close(self) -> None:
        """Cancels what still runs and ends the loop."""
        try:
            future = asyncio.run_coroutine_threadsafe(_cancel_all(), self._loop)
            future.result(_CLOSE_PATIENCE_S)
        except Exception:
            pass  # a task that will not end: the process ends all the same
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_CLOSE_PATIENCE_S)


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


async def _cancel_all() -> None:
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
