"""Interrupts Python code in another thread."""

from __future__ import annotations

import threading

from burrow.exception import InputCancellation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, Tuple

    Cancel = Callable[[], Any]


class Interruption:
    """Whether and how what one call does can be cut short. May be used from any thread.

    In a thread InputCancellation is raised between two bytecodes, so not before a system call has
    returned; in an event loop the task is cancelled.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: Optional[int] = None  # runs user code, and may be interrupted
        self._cancel_task: Optional[Cancel] = None
        self.reason = ""  # why it is to end; empty while it is wanted

    def enter(self) -> None:
        """From here on this thread may be interrupted. Raises InputCancellation if that was asked for."""
        with self._lock:
            if self.reason:
                raise InputCancellation(self.reason)
            self._thread = threading.get_ident()

    def leave(self) -> None:
        """From here on it may not. Raises InputCancellation at most once."""
        with self._lock:
            mine = self._thread == threading.get_ident()
            self._thread = None
            if mine and self.reason:
                _set_exception(
                    threading.get_ident(), None
                )  # it has come, or is not to come any more

    def run(self, work: Callable[[], Any]) -> Tuple[Any, Optional[BaseException]]:
        """Does work in this thread that may be interrupted; gives its value, and what it raised."""
        try:
            try:
                self.enter()
                value = work()
            finally:
                self.leave()
        except BaseException as error:
            self.leave()  # again: it may have come before the first one
            return None, error
        return value, None

    def shielded(self, work: Cancel) -> None:
        """Does what must not be cut in half, from user code."""
        if self._thread != threading.get_ident():
            work()
            return
        self.leave()
        work()
        self.enter()

    def enter_task(self, cancel: Cancel) -> bool:
        """From here on `cancel` cuts it short. False if that was asked for already."""
        with self._lock:
            if self.reason:
                return False
            self._cancel_task = cancel
            return True

    def leave_task(self) -> None:
        """From here on nothing cuts it short."""
        with self._lock:
            self._cancel_task = None

    def ask(self, reason: str) -> None:
        """Cuts it short, now or when it begins."""
        with self._lock:
            if self.reason:
                return
            self.reason = reason
            if self._cancel_task is not None:
                self._cancel_task()
            elif self._thread is not None:
                _set_exception(self._thread, InputCancellation)


def _set_exception(thread: int, kind: Any) -> None:
    try:
        import ctypes
    except ImportError:
        return  # this Python cannot: the worker ends the container after its grace
    target = ctypes.c_ulong(thread)
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        target, ctypes.py_object(kind) if kind is not None else None
    )
