"""A few lines at the bottom of a terminal that are redrawn in place under all other output."""

from __future__ import annotations

import os
import sys
import threading
import unicodedata

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable, TextIO

_ERASE_BELOW = "\x1b[J"


class LiveRegion:
    """Draws on `terminal`, and keeps other writers of the same terminal clear of what it drew.

    Between `open` and `close`, sys.stdout and sys.stderr are stand-ins that take the region away,
    write, and draw it again once the line they write is whole. May be used from any thread.
    """

    def __init__(self, terminal: "TextIO") -> None:
        self._terminal = terminal
        self._lock = threading.RLock()
        self._lines: "list[str]" = []
        self._drawn = 0
        self._line_open = False
        self._replaced: "dict[str, Any]" = {}

    def open(self) -> None:
        """Starts to stand in for the streams that are terminals."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None and stream.isatty():
                self._replaced[name] = stream
                setattr(sys, name, _GuardedStream(stream, self))

    def close(self) -> None:
        """Removes the region and gives the streams back."""
        with self._lock:
            self.show([])
            for name, stream in self._replaced.items():
                setattr(sys, name, stream)
            self._replaced.clear()

    def show(self, lines: "Iterable[str]") -> None:
        """Replaces the region's lines."""
        with self._lock:
            self._lines = list(lines)
            self._erase()
            self._draw()
            self._terminal.flush()

    def print(self, text: str) -> None:
        """Prints a line above the region, to stay."""
        with self._lock:
            self._erase()
            if self._line_open:
                text = "\n" + text
                self._line_open = False
            self._terminal.write(text + "\n")
            self._draw()
            self._terminal.flush()

    def write_through(self, stream: "TextIO", text: str) -> int:
        """Writes someone else's output to a stream of the same terminal."""
        with self._lock:
            self._erase()
            self._terminal.flush()
            count = stream.write(text)
            stream.flush()
            if text:
                self._line_open = not text.endswith(("\n", "\r"))
            self._draw()
            self._terminal.flush()
            return count

    def _erase(self) -> None:
        if self._drawn:
            self._terminal.write("\x1b[%dF" % self._drawn + _ERASE_BELOW)
            self._drawn = 0

    def _draw(self) -> None:
        if self._line_open or not self._lines:
            return
        width, height = terminal_size(self._terminal)
        shown = self._lines[-max(1, height - 2) :]
        self._terminal.write("".join(fit(line, width - 1) + "\n" for line in shown))
        self._drawn = len(shown)


class _GuardedStream:
    """A text stream whose writes go past a live region; all else is the stream's own."""

    def __init__(self, stream: "TextIO", region: LiveRegion) -> None:
        self._stream = stream
        self._region = region

    def write(self, text: str) -> int:
        return self._region.write_through(self._stream, text)

    def writelines(self, lines: "Iterable[str]") -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> "Any":
        return getattr(self._stream, name)


def fit(line: str, width: int) -> str:
    """The line cut to `width` columns, escape sequences not counted."""
    columns, position = 0, 0
    while position < len(line):
        if line[position] == "\x1b":
            end = line.find("m", position)
            if end < 0:
                break
            position = end + 1
            continue
        wide = unicodedata.east_asian_width(line[position]) in "WF"
        columns += 2 if wide else 1
        if columns > width:
            return line[:position] + ("\x1b[0m" if "\x1b" in line else "")
        position += 1
    return line


def terminal_size(terminal: "TextIO") -> "tuple[int, int]":
    """Columns and lines; those of a plain terminal where it does not say."""
    try:
        size = os.get_terminal_size(terminal.fileno())
    except (OSError, ValueError):
        return 80, 24
    return size.columns or 80, size.lines or 24
