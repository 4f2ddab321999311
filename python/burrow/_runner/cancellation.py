"""Signals: SIGUSR1 ends the running call, SIGTERM the process."""

from __future__ import annotations

import os

from burrow.exception import InputCancellation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional

    from burrow._runner.inbox import Inbox

# Without the enums of `signal`, which would add 2 ms to a cold start.
signal: Any = __import__("_signal")

_REASONS = {
    "cancelled": "the call was cancelled",
    "timeout": "the call ran longer than its timeout",
    "stopping": "the container is being stopped",
}


class Terminated(BaseException):
    """SIGTERM came while no call was running."""


def explain(reason: str) -> str:
    """The sentence for a reason of the protocol."""
    return _REASONS.get(reason, "the call was cancelled: " + reason)


class Interrupts:
    """Decides what a signal does to what the main thread is doing.

    Handlers run in the main thread between two bytecodes. They raise only inside the regions that
    `enter` ... `leave` (user code) and `waiting` ... `not_waiting` mark, so that no frame of the
    protocol is ever cut in half.
    """

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._running: Optional[str] = None  # the call whose code a handler may interrupt
        self._waiting = False  # nothing would be lost by ending now
        self._signalled = False  # a SIGUSR1 has not been acted on
        self._polling = False
        self._told: Optional[str] = None  # the call that has been interrupted already
        self.terminating = False
        # Set while an event loop runs the call: asks it to cancel the task.
        self.cancel_task: Optional[Callable[[], Any]] = None

    def install(self) -> None:
        """Sets the handlers where user code has none; a forked child gets the default ones back."""
        for number, handler in self._handlers():
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, handler)
        os.register_at_fork(after_in_child=self._forget)

    def begin(self, call_id: str) -> None:
        """As `enter`, for the first time in an attempt."""
        self._told = None
        self.enter(call_id)

    def enter(self, call_id: str) -> None:
        """From here on the call may be interrupted. Raises if that was already asked for."""
        self._running = call_id
        if self._signalled or self.terminating:
            self._interrupt()

    def leave(self) -> None:
        """From here on a signal waits."""
        self._running = None

    def waiting(self) -> None:
        """From here on SIGTERM raises Terminated. Raises it if it came before."""
        self._waiting = True
        if self.terminating:
            raise Terminated

    def not_waiting(self) -> None:
        """Ends the region that `waiting` began."""
        self._waiting = False

    def was_told(self, call_id: str) -> bool:
        """Whether the call's code was interrupted, even if it swallowed that."""
        return self._told == call_id

    def _on_cancel(self, _signum: int, _frame: Any) -> None:
        self._signalled = True
        if self._running is not None:
            self._interrupt()

    def _on_terminate(self, _signum: int, _frame: Any) -> None:
        self.terminating = True
        if self._running is not None:
            self._interrupt()
        elif self._waiting:
            raise Terminated

    def _interrupt(self) -> None:
        if self._polling:
            return  # a signal during a handler: the outer one looks again
        self._polling = True
        while self._signalled:
            self._signalled = False
            self._inbox.poll(for_cancel=True)
        self._polling = False
        call_id = self._running
        reason = "stopping" if self.terminating else self._inbox.why_cancelled(call_id or "")
        if call_id is None or reason is None or self._told == call_id:
            return
        self._told = call_id
        if self.cancel_task is not None:
            self.cancel_task()
        else:
            raise InputCancellation(explain(reason))

    def _handlers(self) -> "tuple[tuple[int, Callable[..., None]], ...]":
        return ((signal.SIGUSR1, self._on_cancel), (signal.SIGTERM, self._on_terminate))

    def _forget(self) -> None:
        self._running = None
        self._waiting = False
        for number, handler in self._handlers():
            if signal.getsignal(number) == handler:
                signal.signal(number, signal.SIG_DFL)
