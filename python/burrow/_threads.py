"""Threads that are used again, and do not keep the interpreter from ending."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from burrow._call_context import call_of_this_code, enter_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, Tuple


class Threads:
    """Made as they are needed: one for each piece of work that runs, or `most`, for which the rest waits.

    Any thread may submit.
    """

    def __init__(self, name: str, most: "Optional[int]" = None) -> None:
        self._name = name
        self._most = most
        self._work: "SimpleQueue[Tuple[str, Callable[[], Any]]]" = SimpleQueue()
        self._lock = threading.Lock()
        self._free = 0  # threads without work, less work without threads
        self._all = 0

    def submit(self, work: "Callable[[], Any]") -> None:
        """Runs `work`, which raises nothing, in one of the threads, as part of the call that asks."""
        with self._lock:
            self._free -= 1
            starts = self._free < 0 and (self._most is None or self._all < self._most)
            if starts:
                self._all += 1
        self._work.put((call_of_this_code(), work))
        if starts:
            threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def _run(self) -> None:
        while True:
            with self._lock:
                self._free += 1
            call_id, work = self._work.get()
            enter_call(call_id)
            work()
