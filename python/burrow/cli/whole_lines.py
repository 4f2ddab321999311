"""Keeps the lines of the entrypoint and of remote output whole when both print at once."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from threading import get_ident

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, TextIO

_MAX_PENDING = 64 * 1024


class WholeLines:
    """A text stream that hands on what each thread writes when its line is whole or it flushes.

    print() writes a line in pieces, between which another thread's line would fall.
    """

    def __init__(self, stream: "TextIO") -> None:
        self._stream = stream
        self._pending: "dict[int, str]" = {}

    def write(self, text: str) -> int:
        thread = get_ident()
        whole, newline, rest = text.rpartition("\n")
        if newline:
            self._stream.write(self._pending.pop(thread, "") + whole + newline)
        if rest:
            rest = self._pending.pop(thread, "") + rest
            if len(rest) > _MAX_PENDING:
                self._stream.write(rest)
            else:
                self._pending[thread] = rest
        return len(text)

    def writelines(self, lines: "Iterable[str]") -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        text = self._pending.pop(get_ident(), "")
        if text:
            self._stream.write(text)
        self._stream.flush()

    def finish(self) -> None:
        """Writes what threads left without a newline."""
        while self._pending:
            self._stream.write(self._pending.popitem()[1])

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._stream, name)


@contextmanager
def whole_lines() -> "Iterator[None]":
    """Wraps sys.stdout and sys.stderr while the block lasts."""
    wrapped = {}
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None:
            wrapped[name] = WholeLines(stream)
            setattr(sys, name, wrapped[name])
    try:
        yield
    finally:
        for name, lines in wrapped.items():
            if getattr(sys, name) is lines:
                setattr(sys, name, lines._stream)
            try:
                lines.finish()
            except (OSError, ValueError):
                pass  # nobody reads it any more
