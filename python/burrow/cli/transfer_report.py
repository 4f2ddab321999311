"""How far an import or export is: one line redrawn on a terminal, else a plain line now and then."""

from __future__ import annotations

import sys
import time

from burrow.cli.live_region import LiveRegion
from burrow.cli.tables import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_REDRAW = 0.1
_PLAIN_EVERY = 5.0


class TransferReport:
    """Used by one thread, as a context."""

    def __init__(self) -> None:
        self._region = LiveRegion(sys.stderr) if sys.stderr.isatty() else None
        self._next = 0.0
        self._moved = 0
        self._last = ""

    def __enter__(self) -> "TransferReport":
        if self._region:
            self._region.open()
        else:
            self._next = time.monotonic() + _PLAIN_EVERY
        return self

    def __exit__(self, *exception: object) -> None:
        if self._region:
            self._region.close()

    def sent(self, count: int) -> None:
        """Some bytes more were sent."""
        self.moved("sent", count)

    def moved(self, verb: str, count: int) -> None:
        """Some bytes more were sent or received."""
        self._moved += count
        self._show("%s %s" % (verb, size(self._moved)))

    def imported(self, progress: "dict[str, Any]") -> None:
        """The server's ImportProgress."""
        if progress.get("waitsFor"):
            return self._show("waiting for %s ..." % progress["waitsFor"], at_once=True)
        layers = int(progress.get("layers", 0))
        if not layers:
            return self._show("looking at the image")
        text = "%d of %d layers" % (progress.get("layersDone", 0), layers)
        if progress.get("layersKnown"):
            text += " (%d known)" % progress["layersKnown"]
        total = int(progress.get("bytes", 0))
        if total:
            text += ", %s of %s" % (size(progress.get("bytesDone", 0)), size(total))
        done = progress.get("layersDone", 0) == layers
        self._show("importing: " + text, at_once=done)

    def _show(self, text: str, at_once: bool = False) -> None:
        now = time.monotonic()
        if (now < self._next and not at_once) or text == self._last:
            return
        self._last = text
        if self._region:
            self._region.show([text])
            self._next = now + _REDRAW
        else:
            print(text, file=sys.stderr, flush=True)
            self._next = now + _PLAIN_EVERY
