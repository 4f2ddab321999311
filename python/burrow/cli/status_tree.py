"""Progress of a run as a tree on a terminal: what is done stays, what goes on is redrawn."""

from __future__ import annotations

import sys
import threading
import time

from burrow._client.reporter import Reporter, goes_on
from burrow.cli.live_region import LiveRegion
from burrow.cli.step_board import StepBoard, bold, dim, duration, green, red, without_colours
from burrow.cli.tables import size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TextIO

_TICK = 0.2
_TEXT_WIDTH = 50
_MAX_LIVE = 8


class StatusTree(Reporter):
    """Draws on stderr, which must be a terminal."""

    def __init__(self, terminal: "TextIO | None" = None) -> None:
        super().__init__(red_stderr=True)
        self._terminal = terminal or sys.stderr
        self._region = LiveRegion(self._terminal)
        self._lock = threading.RLock()
        self._steps = StepBoard()
        self._doing = ""
        self._doing_since = 0.0
        self._containers: "dict[str, tuple[str, str]]" = {}
        self._shown_ready: "set[str]" = set()
        self._done = threading.Event()
        self._region.open()
        self._ticker = threading.Thread(target=self._tick, name="burrow-status", daemon=True)
        self._ticker.start()

    def app_created(self, name: str, app_id: str, ms: float) -> None:
        self._keep("%s %s" % (bold(name), dim(app_id)), ms)

    def image_started(self, label: str) -> None:
        self._keep("├─ image for %s" % label, None)

    def upload(self, files: int, all_files: int, sent: int, all_bytes: int) -> None:
        with self._lock:
            done = files == all_files
            text = "sending files: %d of %d, %s of %s"
            text %= (files, all_files, size(sent), size(all_bytes))
            self._do("" if done else text)

    def image_build(self, build_id: str) -> None:
        with self._lock:
            self._steps.clear()

    def image_step(self, step: "dict[str, Any]") -> None:
        with self._lock:
            taken = self._steps.take_step(step)
        text = "│  ├─ %s" % taken.text
        if taken.state == "STATE_CACHED":
            self._keep(text, None, green("CACHED"))
        elif taken.state == "STATE_DONE":
            self._keep(text, taken.ms)
        elif taken.state == "STATE_FAILED":
            self._keep(text, None, red("FAILED"))
        with self._lock:
            self._redraw()

    def image_output(self, output: "dict[str, Any]") -> None:
        with self._lock:
            self._steps.take_output(output)
            self._redraw()

    def image_wait(self, wait: "dict[str, Any]") -> None:
        with self._lock:
            self._steps.take_wait(wait)
            self._redraw()

    def note(self, text: str) -> None:
        self._keep("│  %s" % dim(text), None)

    def image_ready(self, label: str, image: "dict[str, Any]", ms: float) -> None:
        self._keep("│  └─ %s" % dim(image.get("imageId", "")), ms)

    def source_uploaded(self, files: int, sent_files: int, sent_bytes: int, ms: float) -> None:
        text = "├─ source, %d file%s" % (files, "" if files == 1 else "s")
        if sent_files:
            text += ", %d sent (%.1f kB)" % (sent_files, sent_bytes / 1000)
        self._keep(text, ms)

    def published(self, functions: "list[str]", ms: float) -> None:
        self._keep("├─ ready to call %s" % ", ".join(functions), ms)

    def container(self, info: "dict[str, Any]") -> None:
        name, state = info.get("function", ""), info.get("state", "")
        with self._lock:
            if state == "CONTAINER_STATE_STOPPED":
                self._containers.pop(info.get("containerId", ""), None)
            else:
                self._containers[info.get("containerId", "")] = (name, state)
            first = state == "CONTAINER_STATE_READY" and name not in self._shown_ready
            if first:
                self._shown_ready.add(name)
        if first:
            phases = [(p.get("name", ""), float(p.get("ms", 0))) for p in info.get("phases", ())]
            detail = ", ".join("%s %s" % (phase, duration(ms)) for phase, ms in phases)
            self._keep(
                "├─ %s: container ready" % name,
                sum(ms for _, ms in phases) if phases else None,
                dim("(%s)" % detail) if detail else "",
            )
        with self._lock:
            self._redraw()

    def stopping(self) -> None:
        with self._lock:
            self._do("Stopping app...")

    def stopped(self) -> None:
        self._rest()
        super().stopped()
        self._end("Stopping app... stopped.")

    def left(self, app_id: str) -> None:
        self._rest()
        super().left(app_id)
        self._end(goes_on(app_id))

    def close(self) -> None:
        self._rest()
        self._region.close()

    def _rest(self) -> None:
        """Redraws nothing any more, so that last lines end where they stand."""
        self._done.set()
        self._ticker.join(1.0)

    def _end(self, text: str) -> None:
        self.close()
        self._terminal.write(dim("└─ " + text) + "\n")
        self._terminal.flush()

    def _keep(self, text: str, ms: "float | None", note: str = "") -> None:
        """Prints a finished branch with its time."""
        columns = len(without_colours(text))
        time_text = duration(ms) if ms is not None else ""
        padding = " " * max(1, _TEXT_WIDTH - columns)
        self._region.print((text + padding + " ".join(filter(None, (time_text, note)))).rstrip())

    def _do(self, text: str) -> None:
        """Says what goes on besides steps."""
        if not text or not self._doing:
            self._doing_since = time.monotonic()
        self._doing = text
        self._redraw()

    def _redraw(self) -> None:
        now = time.monotonic()
        lines = []
        running = self._steps.running()
        for step in running:
            lines.append(step.row("│  ├─ ", now))
            lines += step.last_lines("│  │  ", 1 if len(running) > 1 else 3)
        if self._doing:
            seconds = dim("%.1f s" % (now - self._doing_since))
            lines.append("│  ├─ %s  %s" % (self._doing, seconds))
        lines += self._container_lines()
        self._region.show(lines)

    def _container_lines(self) -> "list[str]":
        counts: "dict[str, dict[str, int]]" = {}
        for name, state in self._containers.values():
            word = "ready" if state == "CONTAINER_STATE_READY" else "starting"
            per_state = counts.setdefault(name, {})
            per_state[word] = per_state.get(word, 0) + 1
        lines = [
            "└─ %s: %s" % (name, ", ".join("%d %s" % (n, word) for word, n in sorted(c.items())))
            for name, c in sorted(counts.items())
        ]
        return [dim(line) for line in lines[:_MAX_LIVE]]

    def _tick(self) -> None:
        while not self._done.wait(_TICK):
            with self._lock:
                if self._doing or self._steps.running():
                    self._redraw()
