"""Describes an exception for the other side. Imported when the first one happens."""

from __future__ import annotations

import linecache
import os
import traceback
from types import TracebackType

from burrow import _serialization
from burrow._runner.frames import MAX_BODY_BYTES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, Optional, Tuple

# Together they keep a header far below the megabyte that a frame allows.
_MAX_MESSAGE = 16 << 10
_MAX_TRACEBACK = 64 << 10
_MAX_FRAMES = 100
_MAX_FIELD = 200

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_ASYNCIO = os.path.join(os.path.dirname(os.__file__), "asyncio") + os.sep


def describe(error: BaseException) -> Tuple[Dict[str, Any], bytes]:
    """The `error` of a frame, and the pickled exception or nothing."""
    trimmed = _without_runner(error.__traceback__)
    described = {
        "type": type(error).__name__,
        "message": _shorten(message_of(error), _MAX_MESSAGE),
        "traceback": _shorten(_format(error, trimmed), _MAX_TRACEBACK),
        "frames": _frames(trimmed),
    }
    return described, _pickle(error)


def describe_load_failure(error: BaseException, module: str) -> Tuple[Dict[str, Any], bytes]:
    """As `describe`, with a message that says what to do about a module that does not load."""
    described, body = describe(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        if error.name == module.split(".")[0] or error.name == module:
            advice = (
                "module %s is neither in the uploaded source nor in the image: "
                "run burrow from the directory that holds it" % module
            )
        else:
            advice = (
                "module %s needs %s, which the image (Python %s) does not have: "
                "add it to the function's image, for example with Image.apt_install()"
                % (module, error.name, _serialization.PYTHON)
            )
        described["message"] = advice
    elif described["type"] not in ("LoadError", "DeserializationError"):
        described["message"] = "module %s could not be imported: %s: %s" % (
            module,
            described["type"],
            described["message"],
        )
    if described["type"] == "LoadError":
        described["type"] = "ImportFailedError"
        body = b""
    return described, body


def describe_hook_failure(error: BaseException, hook: str) -> Tuple[Dict[str, Any], bytes]:
    """As `describe`, for what a class's enter hook raised."""
    described, body = describe(error)
    described["message"] = "%s(), which is run before the first call, raised %s: %s" % (
        hook,
        described["type"],
        described["message"],
    )
    return described, body


def message_of(error: BaseException) -> str:
    """The exception's own words; user classes may fail at that."""
    try:
        return str(error)
    except Exception as broken:
        return "<its __str__ raised %s>" % type(broken).__name__


def _pickle(error: BaseException) -> bytes:
    """The exception, if the other side will be able to read it back; else nothing."""
    try:
        body = _serialization.dumps(error, what="the exception", carry=False)
        if len(body) > MAX_BODY_BYTES or not isinstance(_serialization.loads(body), type(error)):
            return b""
    except Exception:
        return b""
    return body


def _format(error: BaseException, trimmed: Optional[TracebackType]) -> str:
    try:
        return "".join(traceback.format_exception(type(error), error, trimmed))
    except Exception:
        return "".join(traceback.format_tb(trimmed)) + type(error).__name__ + "\n"


def _without_runner(tb: Optional[TracebackType]) -> Optional[TracebackType]:
    """Drops the outer frames that belong to the runner, the import system and the event loop."""
    while tb is not None and _is_machinery(tb.tb_frame.f_code.co_filename):
        tb = tb.tb_next
    return tb


def _is_machinery(file: str) -> bool:
    return file.startswith((_PACKAGE, _ASYNCIO, "<frozen importlib", "<string>"))


def _frames(tb: Optional[TracebackType]) -> List[Dict[str, Any]]:
    entries = []
    while tb is not None:
        code = tb.tb_frame.f_code
        if not code.co_filename.startswith("<frozen importlib"):
            entries.append((code.co_filename, tb.tb_lineno, code.co_name, tb.tb_frame.f_globals))
        tb = tb.tb_next
    if len(entries) > _MAX_FRAMES:
        entries = entries[: _MAX_FRAMES // 2] + entries[-_MAX_FRAMES // 2 :]
    return [
        {
            "file": _shorten(file, _MAX_FIELD),
            "line": line or 0,
            "function": _shorten(function, _MAX_FIELD),
            "source": _shorten(linecache.getline(file, line or 0, scope).strip(), _MAX_FIELD),
        }
        for file, line, function, scope in entries
    ]


def _shorten(text: str, limit: int) -> str:
    if len(text) <= limit:
        return text
    half = limit // 2
    return "%s\n... %d characters left out ...\n%s" % (
        text[:half],
        len(text) - 2 * half,
        text[-half:],
    )
