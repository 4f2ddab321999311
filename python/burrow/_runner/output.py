"""The container's standard output and error, as the worker reads them by line."""

from __future__ import annotations

import io
import sys


_STREAMS = (("stdout", 1), ("stderr", 2))


def buffer_by_line() -> None:
    """Lets each printed line be one write.

    PYTHONUNBUFFERED, which keeps C code's output in step, would make it one write per piece.
    """
    for name, fd in _STREAMS:
        stream = getattr(sys, name, None)
        if isinstance(stream, io.TextIOWrapper):
            _buffer(name, fd, stream)


def reopen() -> None:
    """Opens what a call has closed, so that the next call can print."""
    for name, fd in _STREAMS:
        stream = getattr(sys, name, None)
        if isinstance(stream, io.TextIOWrapper) and stream.closed:
            _buffer(name, fd, stream)


def _buffer(name: str, fd: int, stream: io.TextIOWrapper) -> None:
    buffered = io.TextIOWrapper(
        io.BufferedWriter(io.FileIO(fd, "w", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=True,
    )
    buffered.mode = "w"  # type: ignore[misc]
    setattr(sys, name, buffered)
    setattr(sys, "__%s__" % name, buffered)


def flush() -> None:
    """Flushes both streams, whatever user code put in their place."""
    for name in ("stdout", "stderr", "__stdout__", "__stderr__"):
        stream = getattr(sys, name, None)
        if stream is not None:
            try:
                stream.flush()
            except Exception:
                pass  # closed or broken by user code: nothing is left to be flushed
