"""Standard output and error while several calls run: what Python code prints is told apart by call.

Threads that a call starts belong to it: see call_threads. What C code and child processes write goes to the pipes, where
nothing says whose it is.
"""

from __future__ import annotations

import io
import os
import sys
import threading

from burrow._call_context import call_of_this_code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List

    # Call id, "stdout" or "stderr", text.
    Sink = Callable[[str, str, str], None]

_MAX_PENDING = 64 << 10


class TaggedStream(io.TextIOBase):
    """Hands on each line that a call prints; what no call prints goes to the stream beneath."""

    def __init__(self, name: str, beneath: Any, owner: TaggedOutput) -> None:
        self._name = name
        self._beneath = beneath
        self._owner = owner
        self._lock = threading.Lock()
        self._pending: Dict[str, str] = {}  # unfinished lines by call

    def write(self, text: str) -> int:
        call_id = call_of_this_code()
        if not call_id:
            written: int = self._beneath.write(text)
            return written
        if not isinstance(text, str):
            raise TypeError("write() argument must be str, not %s" % type(text).__name__)
        with self._lock:
            whole = self._pending.pop(call_id, "") + text
            lines, newline, rest = whole.rpartition("\n")
            if len(rest) > _MAX_PENDING:
                lines, newline, rest = whole, "", ""
            if rest:
                self._pending[call_id] = rest
        if lines or newline:
            self._owner.sink(call_id, self._name, lines + newline)
        return len(text)

    def flush(self) -> None:
        call_id = call_of_this_code()
        if call_id:
            self.finish(call_id)
        else:
            self._beneath.flush()

    def finish(self, call_id: str) -> None:
        """Hands on what the call has printed without a newline."""
        with self._lock:
            rest = self._pending.pop(call_id, "")
        if rest:
            self._owner.sink(call_id, self._name, rest)

    @property
    def buffer(self) -> Any:
        return self._beneath.buffer

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "utf-8"

    @property
    def errors(self) -> str:  # type: ignore[override]
        return "replace"

    def fileno(self) -> int:
        number: int = self._beneath.fileno()
        return number

    def isatty(self) -> bool:
        return False

    def writable(self) -> bool:
        return True

    def close(self) -> None:
        """Stays open: it is everybody's."""


class TaggedOutput:
    """Both streams, from its making on; `sink` takes what calls print."""

    def __init__(self) -> None:
        self.sink: Sink = lambda call_id, stream, text: None
        self._streams: List[TaggedStream] = []
        self.install()

    def install(self) -> None:
        """Takes both streams over: those that a fork of the user's has got back, too."""
        self._streams = []
        for name in ("stdout", "stderr"):
            beneath = getattr(sys, name)
            stream = TaggedStream(name, beneath, self)
            self._streams.append(stream)
            setattr(sys, name, stream)
            os.register_at_fork(after_in_child=_Restore(name, stream, beneath))

    def finish(self, call_id: str) -> None:
        """The call has ended."""
        for stream in self._streams:
            stream.finish(call_id)


class _Restore:
    """Gives a forked child, which cannot speak to the worker, the stream beneath."""

    def __init__(self, name: str, stream: TaggedStream, beneath: Any) -> None:
        self._name, self._stream, self._beneath = name, stream, beneath

    def __call__(self) -> None:
        if getattr(sys, self._name, None) is self._stream:
            setattr(sys, self._name, self._beneath)
