"""A build as plain lines, for a pipe or a file; or as nothing."""

from __future__ import annotations

import sys
import threading

from burrow._client.reporter import Reporter
from burrow.cli.step_board import StepBoard, duration
from burrow.cli.tables import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class QuietBuild(Reporter):
    """Shows nothing."""

    def close(self) -> None:
        """Nothing is open."""


class BuildLines(QuietBuild):
    """Each event in a line on stderr; `#3` is the step whose line it is."""

    def __init__(self) -> None:
        super().__init__()
        self._board = StepBoard()
        self._lock = threading.Lock()
        self._tenths = 0

    def upload(self, files: int, all_files: int, sent: int, all_bytes: int) -> None:
        with self._lock:
            tenths = 10 * files // max(1, all_files)
            if tenths > self._tenths or not files:
                self._tenths = tenths
                text = "sending the context: %d of %d files, %s of %s"
                _say(text % (files, all_files, size(sent), size(all_bytes)))

    def image_build(self, build_id: str) -> None:
        self._board.clear()
        _say("build %s" % build_id)

    def image_step(self, step: "dict[str, Any]") -> None:
        taken = self._board.take_step(step)
        if taken.state == "STATE_STARTED":
            _say("#%d %s" % (taken.number, taken.text))
        elif taken.state == "STATE_CACHED":
            _say("#%d CACHED %s" % (taken.number, taken.text))
        elif taken.state == "STATE_DONE":
            _say("#%d done in %s" % (taken.number, duration(taken.ms)))
        elif taken.state == "STATE_FAILED":
            _say("#%d FAILED after %s: %s" % (taken.number, duration(taken.ms), taken.text))

    def image_output(self, output: "dict[str, Any]") -> None:
        _say("#%d   %s" % (int(output.get("step", 0)), output.get("line", "")))

    def image_wait(self, wait: "dict[str, Any]") -> None:
        if wait.get("waitsFor"):
            _say("#%d   waiting for %s ..." % (int(wait.get("step", 0)), wait["waitsFor"]))

    def note(self, text: str) -> None:
        _say("note: %s" % text)


def _say(text: str) -> None:
    try:
        sys.stderr.write(text + "\n")  # at once, so that an interrupt leaves whole lines
        sys.stderr.flush()
    except OSError:
        pass  # nobody reads it any more
