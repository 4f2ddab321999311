"""Runs one function while an image is built: Image.run_function(). See docs/runner-protocol.md."""

from __future__ import annotations

import sys

_source = sys.path.pop(0)  # what Burrow imports is never a file of the user's with the same name

import os  # noqa: E402

from burrow import _serialization  # noqa: E402
from burrow._runner import imports, json_text, output  # noqa: E402
from burrow._runner.loader import load_function  # noqa: E402

imports.remember_path(sys.path + [_source])
sys.path.insert(0, _source)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List, NoReturn, Tuple

    Frame = Tuple[Dict[str, Any], memoryview]

# How far it came, as lines to the descriptor of that number.
_PROGRESS_FD = 3
_LOADED = 1
_RAISED = 2


def main() -> NoReturn:
    """Runs the function that the file behind BURROW_CALL_FD holds, once; then ends the process."""
    sys.dont_write_bytecode = True  # only what the function does becomes part of the image
    output.buffer_by_line()
    try:
        _run(*_read_frames(_take_call_file()))
    except SystemExit:
        raise
    except BaseException as error:
        described, _ = imports.call_late("burrow._runner.failures", "describe", error)
        output.flush()
        os.write(2, described["traceback"].encode("utf-8", "replace"))
        sys.exit(1)
    sys.exit(0)


def _run(start: Frame, call: Frame) -> None:
    function = load_function(*start)
    args, kwargs = _serialization.loads(call[1])
    _tell(_LOADED)
    try:
        _finish(function(*args, **kwargs))
    except SystemExit:
        raise
    except BaseException:
        _tell(_RAISED)
        raise


def _finish(value: Any) -> None:
    """Runs what an async function or a generator has only begun."""
    if hasattr(type(value), "__await__"):
        imports.import_late("asyncio").run(_wait_for(value))
    elif hasattr(type(value), "__anext__"):
        imports.import_late("asyncio").run(_exhaust(value))
    elif hasattr(type(value), "__next__"):
        for _ in value:
            pass


async def _wait_for(awaitable: Any) -> None:
    await awaitable


async def _exhaust(items: Any) -> None:
    async for _ in items:
        pass


def _take_call_file() -> bytes:
    number = int(os.environ.pop("BURROW_CALL_FD", "-1"))
    with open(number, "rb") as file:
        return file.read()


def _read_frames(content: bytes) -> List[Frame]:
    """The frames of the protocol that `content` consists of."""
    frames, at = [], 0
    while at < len(content):
        head_end = at + 8 + int.from_bytes(content[at : at + 4], "little")
        end = head_end + int.from_bytes(content[at + 4 : at + 8], "little")
        header = json_text.decode(content[at + 8 : head_end].decode("utf-8"))
        frames.append((header, memoryview(content)[head_end:end]))
        at = end
    return frames


def _tell(reached: int) -> None:
    try:
        os.write(_PROGRESS_FD, b"%d\n" % reached)
    except OSError:
        pass  # nobody listens
