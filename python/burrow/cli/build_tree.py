"""A build as a live tree on a terminal: its stages with their steps, several of which may run at once."""

from __future__ import annotations

import sys
import threading
import time

from burrow._client.reporter import Reporter
from burrow.cli.live_region import LiveRegion, terminal_size
from burrow.cli.step_board import StepBoard, bold, dim
from burrow.cli.tables import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

    from burrow.cli.step_board import Step

_TICK = 0.2


class BuildTree(Reporter):
    """Draws on stderr, which must be a terminal, until `close`."""

    def __init__(self, terminal: "TextIO | None" = None) -> None:
        super().__init__()
        self._terminal = terminal or sys.stderr
        self._region = LiveRegion(self._terminal)
        self._lock = threading.RLock()
        self._board = StepBoard()
        self._doing = ""
        self._done = threading.Event()
        self._region.open()
        self._ticker = threading.Thread(target=self._tick, name="burrow-build", daemon=True)
        self._ticker.start()

    def upload(self, files: int, all_files: int, sent: int, all_bytes: int) -> None:
        text = "sending the context: %d of %d files, %s of %s"
        text %= (files, all_files, size(sent), size(all_bytes))
        with self._lock:
            self._doing = "" if files == all_files else text
            self._redraw()

    def image_build(self, build_id: str) -> None:
        with self._lock:
            self._board.clear()

    def image_step(self, step: "dict[str, Any]") -> None:
        with self._lock:
            self._board.take_step(step)
            self._redraw()

    def image_output(self, output: "dict[str, Any]") -> None:
        with self._lock:
            self._board.take_output(output)
            self._redraw()

    def image_wait(self, wait: "dict[str, Any]") -> None:
        with self._lock:
            self._board.take_wait(wait)
            self._redraw()

    def note(self, text: str) -> None:
        self._region.print(dim("note: " + text))

    def close(self) -> None:
        """Leaves the tree as it is now."""
        self._done.set()
        self._ticker.join(1.0)
        with self._lock:
            lines = self._lines(1 << 30)
            self._region.show([])
            for line in lines:
                self._region.print(line)
            self._region.close()

    def _redraw(self) -> None:
        self._region.show(self._lines(max(4, terminal_size(self._terminal)[1] - 2)))

    def _lines(self, height: int) -> "list[str]":
        """The tree; where it is too high, ended steps are only counted."""
        stages: "dict[str, list[Step]]" = {}
        for step in self._board.steps():
            stages.setdefault(step.stage, []).append(step)
        lines = self._draw(stages, False)
        if len(lines) > height:
            lines = self._draw(stages, True)
        return lines + ([dim(self._doing)] if self._doing else [])

    def _draw(self, stages: "dict[str, list[Step]]", short: bool) -> "list[str]":
        lines = []
        for name, steps in stages.items():
            prefix = ""
            if name:
                lines.append("├─ " + bold(name))
                prefix = "│  "
            if short:
                ended = [step for step in steps if not step.runs]
                steps = [step for step in steps if step.runs]
                if ended:
                    lines.append(dim("%s├─ %d steps ended" % (prefix, len(ended))))
            for step in steps:
                lines += _step_lines(step, prefix, short)
        return lines

    def _tick(self) -> None:
        while not self._done.wait(_TICK):
            with self._lock:
                if self._board.running():
                    self._redraw()


def _step_lines(step: "Step", prefix: str, short: bool) -> "list[str]":
    lines = [step.row(prefix + "├─ ", time.monotonic())]
    if step.runs:
        lines += step.last_lines(prefix + "│  ", 1 if short else 3)
    return lines
