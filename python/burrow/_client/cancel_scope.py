"""What a thread does for somebody who may lose interest: the calls that are then to be cancelled."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_PAUSE = 0.1
_TRIES = 20

_local = threading.local()


class CancelScope:
    """The work of one awaited call. May be used from any thread."""

    def __init__(self) -> None:
        self.cancelled = False
        self.ended = threading.Event()
        self._lock = threading.Lock()
        self._cancels: "list[Callable[[], Any]]" = []

    def add(self, cancel: "Callable[[], Any]") -> None:
        """`cancel` ends what the thread is about to wait for; it may be called several times."""
        with self._lock:
            self._cancels.append(cancel)

    def cancel(self) -> None:
        """Cancels until the work has ended, because the server may not have the call yet."""
        self.cancelled = True
        for _ in range(_TRIES):
            with self._lock:
                cancels = list(self._cancels)
            for cancel in cancels:
                try:
                    cancel()
                except Exception:  # nobody waits for the outcome any more
                    pass
            if self.ended.wait(_PAUSE):
                return

    def run(self, function: "Callable[..., Any]", *args: "Any", **kwargs: "Any") -> "Any":
        """Calls the function as this scope's work, in this thread."""
        outer = getattr(_local, "scope", None)
        _local.scope = self
        try:
            return function(*args, **kwargs)
        finally:
            _local.scope = outer


def current_scope() -> "CancelScope | None":
    """The scope whose work this thread does."""
    return getattr(_local, "scope", None)
