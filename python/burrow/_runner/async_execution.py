"""The event loop that async functions run in, kept for the container's life."""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Loop:
    """Runs one task at a time; tasks that a call leaves behind go on during the next one."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        asyncio.set_event_loop(self._loop)

    def start(self, awaitable: Any) -> asyncio.Task[Any]:
        """Makes a task, which runs when the loop does."""
        if not asyncio.iscoroutine(awaitable):
            awaitable = _wait_for(awaitable)
        return self._loop.create_task(awaitable)

    def run(self, task: asyncio.Task[Any]) -> Any:
        """Runs the loop until the task has ended; returns its value or raises its exception."""
        asyncio.set_event_loop(self._loop)
        return self._loop.run_until_complete(task)

    def cancel(self, task: asyncio.Task[Any]) -> None:
        """Asks the task to end. May be called from a signal handler."""
        self._loop.call_soon_threadsafe(task.cancel)

    def close(self) -> None:
        """Cancels what still runs and closes the loop, as asyncio.run does."""
        try:
            tasks = asyncio.all_tasks(self._loop)
            for task in tasks:
                task.cancel()
            if tasks:
                self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        finally:
            self._loop.close()


async def _wait_for(awaitable: Any) -> Any:
    return await awaitable
