"""Threads that a call starts belong to it, as does what it submits to a ThreadPoolExecutor.

Before Python 3.14 a new thread has an empty context. It gets no copy of its starter's here either, as user code may count
on that: only the call is handed on.
"""

from __future__ import annotations

import functools
import sys
import threading

from burrow._call_context import call_of_this_code, enter_call

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

_POOLS = "concurrent.futures.thread"
_ATTRIBUTE = "_burrow_call"


def hand_on_calls() -> None:
    """From here on. Called again it does nothing, but for what was imported meanwhile."""
    _wrap(threading.Thread, "start", _start)
    # Wherever a subclass overrides run(), and outside of what a traceback of the thread shows.
    _wrap(threading.Thread, "_bootstrap_inner", _bootstrap)
    _hand_on_in_pools()


def _hand_on_in_pools() -> None:
    # Not imported for this: it would add to each container's start.
    pools = sys.modules.get(_POOLS)
    executor = getattr(pools, "ThreadPoolExecutor", None)
    if executor is not None:
        _wrap(executor, "submit", _submit)


def _wrap(owner: Any, name: str, wrapper: "Callable[..., Any]") -> None:
    original = getattr(owner, name, None)
    if original is None or hasattr(original, _ATTRIBUTE):
        return

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return wrapper(original, *args, **kwargs)

    setattr(wrapped, _ATTRIBUTE, True)
    setattr(owner, name, wrapped)


def _start(start: "Callable[..., Any]", thread: threading.Thread) -> None:
    _hand_on_in_pools()  # one that was imported by a call has no thread before this one
    setattr(thread, _ATTRIBUTE, call_of_this_code())
    start(thread)


def _bootstrap(bootstrap: "Callable[..., Any]", thread: threading.Thread) -> None:
    enter_call(getattr(thread, _ATTRIBUTE, ""))
    bootstrap(thread)


# User code's keywords may have any name.
def _submit(
    submit: "Callable[..., Any]", pool: Any, work: Any, /, *args: Any, **kwargs: Any
) -> Any:
    return submit(pool, _OfCall(work), *args, **kwargs)


class _OfCall:
    """Work of a pool. What follows it in its thread, such as callbacks, belongs to the call as well."""

    __slots__ = ("_work", "_call_id")

    def __init__(self, work: Any) -> None:
        self._work = work
        self._call_id = call_of_this_code()

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        enter_call(self._call_id)
        return self._work(*args, **kwargs)
