"""Waits for several spawned calls at once."""

from __future__ import annotations

import threading
from collections import deque

from burrow._client.cancel_scope import CancelScope, current_scope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow.call import FunctionCall

_MAX_WAITING = 32


def gather(calls: "list[FunctionCall]") -> "list[Any]":
    """The values of the calls in their order. Raises as soon as one is known to have failed."""
    gathering = _Gathering(calls)
    outer = current_scope()
    if outer is not None:
        outer.add(gathering.abandon)
    return gathering.results()


class _Gathering:
    def __init__(self, calls: "list[FunctionCall]") -> None:
        self._calls = calls
        self._values: "list[Any]" = [None] * len(calls)
        self._scope = CancelScope()
        # Guards all that follows.
        self._changed = threading.Condition()
        self._left = deque(range(len(calls)))
        self._missing = len(calls)
        self._failure: "BaseException | None" = None

    def abandon(self) -> None:
        """Nobody waits any more; the calls go on."""
        with self._changed:
            self._failure = self._failure or InterruptedError("nobody waits for the calls any more")
            self._changed.notify_all()

    def results(self) -> "list[Any]":
        for _ in range(min(_MAX_WAITING, len(self._calls))):
            threading.Thread(target=self._wait, name="burrow-gather", daemon=True).start()
        try:
            with self._changed:
                while self._missing and self._failure is None:
                    self._changed.wait(1.0)
                if self._failure is not None:
                    raise self._failure
            return self._values
        finally:
            self._scope.cancelled = True  # threads that still wait look at it

    def _wait(self) -> None:
        while True:
            with self._changed:
                if not self._left or self._failure is not None:
                    return
                position = self._left.popleft()
            try:
                value = self._scope.run(self._calls[position].get)
            except BaseException as error:
                with self._changed:
                    self._failure = self._failure or error
                    self._changed.notify_all()
                return
            with self._changed:
                self._values[position] = value
                self._missing -= 1
                if not self._missing:
                    self._changed.notify_all()
