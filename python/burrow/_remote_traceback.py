"""Rebuilds what failed in a container: the exception, with the remote frames in its traceback.

A printed traceback then reads as if the function had run here, source lines included.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import CodeType, FrameType, TracebackType
from typing import Any, Callable, Dict, List, Optional, Type, cast

from burrow import _serialization, exception

_SOURCE_DIRECTORY = "/burrow/source/"
_CHAIN_MARKS = (
    "\nThe above exception was the direct cause of the following exception:\n",
    "\nDuring handling of the above exception, another exception occurred:\n",
)
_CLASSES: Dict[str, Type[exception.Error]] = {
    "CALL_STATUS_TIMEOUT": exception.FunctionTimeoutError,
    "CALL_STATUS_OUT_OF_MEMORY": exception.OutOfMemoryError,
    "CALL_STATUS_OUT_OF_DISK": exception.OutOfDiskError,
    "CALL_STATUS_CRASHED": exception.ContainerCrashedError,
    "CALL_STATUS_CANCELLED": exception.CancelledError,
    "CALL_STATUS_IMPORT_FAILED": exception.ImportFailedError,
    "CALL_STATUS_INFRASTRUCTURE": exception.InfrastructureError,
}


class _EarlierRemoteError(exception.RemoteError):
    """Stands in a chain for the exception that the remote one followed."""


def rebuild(error: Dict[str, Any], pickled: Optional[bytes], status: str) -> BaseException:
    """The exception to raise here for a burrow.v1.CallError in its JSON form."""
    message = error.get("message") or ""
    kind = _CLASSES.get(status)
    if kind is not None:
        rebuilt: BaseException = kind(message or status)
    else:
        rebuilt = _original(error, pickled, message)
    rebuilt.__cause__ = _cause(error.get("traceback") or "")
    traceback = _traceback(error.get("frames") or [])
    if traceback is not None:
        _print_with_source_lines()
    return rebuilt.with_traceback(traceback)


def _original(error: Dict[str, Any], pickled: Optional[bytes], message: str) -> BaseException:
    name = error.get("type") or "an exception"
    unreadable = ""
    if pickled:
        try:
            original = _serialization.loads(pickled)
            # A remote KeyboardInterrupt or SystemExit must not end the program here.
            if isinstance(original, Exception):
                return original
        except exception.SerializationError as failure:
            unreadable = " (the exception itself was not brought here: %s)" % failure
    own = getattr(exception, name, None)
    if isinstance(own, type) and issubclass(own, exception.Error):
        return own(message)
    words = name + ": " + message if message else name
    return exception.RemoteError(words + unreadable)


def _cause(traceback: str) -> Optional[BaseException]:
    """The earlier part of a chained traceback, as an exception that prints it."""
    end = max(traceback.rfind(mark) for mark in _CHAIN_MARKS)
    if end <= 0:
        return None
    return _EarlierRemoteError("in the container:\n" + traceback[:end].rstrip())


def _traceback(frames: List[Dict[str, Any]]) -> Optional[TracebackType]:
    """A traceback of synthetic frames, outermost first."""
    traceback = None
    for frame in reversed(frames):
        line = max(1, int(frame.get("line") or 1))
        source = frame.get("source") or ""
        file = _local_path(frame.get("file") or "<unknown>", line, source)
        _remember_line(file, line, source)
        synthetic = _frame(file, line, frame.get("function") or "<unknown>")
        # Without an instruction (-1) no printer underlines columns that it cannot know.
        traceback = TracebackType(traceback, synthetic, -1, line)
    return traceback


def _local_path(file: str, line: int, source: str) -> str:
    """The uploaded file's own place here, where it still holds the same line."""
    if file.startswith(_SOURCE_DIRECTORY) and source:
        for directory in sys.path:
            local = os.path.join(os.path.abspath(directory), file[len(_SOURCE_DIRECTORY) :])
            if os.path.isfile(local) and linecache.getline(local, line).strip() == source:
                return local
    return file


def _remember_line(file: str, line: int, source: str) -> None:
    """Puts a line into linecache for a file that is not here."""
    known: Any = linecache.cache.get(file)
    if not source or os.path.exists(file) and linecache.getline(file, line).strip() == source:
        return
    lines = list(known[2]) if isinstance(known, tuple) and len(known) == 4 else []
    lines += ["\n"] * (line - len(lines))
    lines[line - 1] = source + "\n"
    # An entry without a modification time is never checked against the disk.
    linecache.cache[file] = (sum(map(len, lines)), None, lines, file)


def _frame(file: str, line: int, function: str) -> FrameType:
    code = compile("raise RuntimeError", file, "exec")
    names: Dict[str, Any] = {"co_name": function, "co_firstlineno": line}
    if sys.version_info >= (3, 11):
        names["co_qualname"] = function
    renamed: CodeType = code.replace(**names)
    try:
        exec(renamed, {"__name__": "remote", "__file__": file})
    except RuntimeError as error:
        assert error.__traceback__ is not None and error.__traceback__.tb_next is not None
        return error.__traceback__.tb_next.tb_frame
    raise AssertionError("the code above raises")


def _print_with_source_lines() -> None:
    """Before Python 3.13 the interpreter's own printer reads files but not linecache."""
    if sys.version_info < (3, 13) and sys.excepthook is sys.__excepthook__:
        sys.excepthook = cast(Callable[..., Any], _print)


def _print(
    kind: Type[BaseException], error: BaseException, traceback: Optional[TracebackType]
) -> None:
    import traceback as printer

    printer.print_exception(kind, error, traceback)
