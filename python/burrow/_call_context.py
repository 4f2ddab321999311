"""Which call the code belongs to that asks."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from contextvars import ContextVar
else:
    # Without `contextvars`, which would add to each container's start.
    ContextVar = __import__("_contextvars").ContextVar

_current: "ContextVar[str]" = ContextVar("burrow_call", default="")


def enter_call(call_id: str) -> None:
    """From here on this thread or task runs that call; empty: none."""
    _current.set(call_id)


def call_of_this_code() -> str:
    """The call's id; empty where there is none."""
    return _current.get()


def current_call_id() -> "str | None":
    """The id of the call that runs this code, by which FunctionCall.from_id() finds it; None elsewhere.

    A thread that a function starts knows its call where the container runs several at once.
    """
    return _current.get() or None


def current_function_call_id() -> "str | None":
    """The same as current_call_id()."""
    return _current.get() or None


def current_input_id() -> "str | None":
    """The same as current_call_id(): each input is a call."""
    return _current.get() or None


def is_local() -> bool:
    """Whether this code runs outside of a container of Burrow."""
    return not os.environ.get("BURROW_CONTAINER_ID")
