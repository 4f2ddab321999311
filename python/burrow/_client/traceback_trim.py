"""Keeps Burrow's own frames out of the tracebacks that users read."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def is_own_file(path: str) -> bool:
    """Whether a frame's file belongs to this package."""
    return path.startswith(_PACKAGE)


def without_own_frames(traceback: "TracebackType | None") -> "TracebackType | None":
    """The traceback without the frames of this package that lead it."""
    while traceback is not None and is_own_file(traceback.tb_frame.f_code.co_filename):
        traceback = traceback.tb_next
    return traceback
