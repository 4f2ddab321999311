"""Formats an exception for users: their frames and the remote ones, not Burrow's own."""

from __future__ import annotations

import importlib
import traceback

from burrow._client.traceback_trim import is_own_file
from burrow.exception import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator


def traceback_text(error: BaseException) -> str:
    """The traceback as text, ending in a newline.

    An error of Burrow's own that no user code led to is one line.
    """
    summary = traceback.TracebackException.from_exception(error)
    for part in _chain(summary):
        part.stack = traceback.StackSummary.from_list(
            [frame for frame in part.stack if not _is_hidden(frame.filename)]
        )
    if isinstance(error, Error) and not summary.stack:
        return "Error: %s\n" % error
    return "".join(summary.format())


def _chain(
    summary: "traceback.TracebackException | None",
) -> "Iterator[traceback.TracebackException]":
    """The exception and those that caused it or were handled when it was raised."""
    pending, seen = [summary], set()
    while pending:
        part = pending.pop()
        if part is not None and id(part) not in seen:
            seen.add(id(part))
            yield part
            pending += [part.__cause__, part.__context__]


def _is_hidden(file: str) -> bool:
    if is_own_file(file) or file.startswith("<frozen importlib"):
        return True
    return file == importlib.__file__  # as it is on the way to a package
