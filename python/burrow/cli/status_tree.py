"""Progress of a run as a tree on a terminal: what is done stays, what goes on is redrawn."""

from __future__ import annotations

import sys
import threading
import time

from burrow._client.reporter import Reporter
from burrow.cli.live_region import LiveRegion

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
        self._step = ""
        self._step_start = 0.0
        self._output = ""
        self._containers: "dict[str, tuple[str, str]]" = {}
        self._shown_ready: "set[str]" = set()
        self._done = threading.Event()
        self._region.open()
        self._ticker = threading.Thread(target=self._tick, name="burrow-status", daemon=True)
        self._ticker.start()

    def app_created(self, name: str, app_id: str, ms: float) -> None:
        self._keep("%s %s" % (_bold(name), _dim(app_id)), ms)

    def image_started(self, label: str) -> None:
        self._keep("├─ image for %s" % label, None)

    def image_step(self, step: "dict[str, Any]") -> None:
        state, text = step.get("state"), step.get("description", "")
        with self._lock:
            if state == "STATE_STARTED":
                self._step, self._step_start, self._output = text, time.monotonic(), ""
                self._redraw()
                return
            self._step = ""
        if state == "STATE_CACHED":
            self._keep("│  ├─ %s" % text, None, _green("CACHED"))
        elif state == "STATE_DONE":
            self._keep("│  ├─ %s" % text, step.get("ms", 0.0))
        elif state == "STATE_FAILED":
            self._keep("│  ├─ %s" % text, None, _red("FAILED"))

    def image_output(self, line: str) -> None:
        with self._lock:
            self._output = _printable(line)
            self._redraw()

    def image_ready(self, label: str, image: "dict[str, Any]", ms: float) -> None:
        self._keep("│  └─ %s" % _dim(image.get("imageId", "")), ms)

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
            detail = ", ".join("%s %s" % (phase, _duration(ms)) for phase, ms in phases)
            self._keep(
                "├─ %s: container ready" % name,
                sum(ms for _, ms in phases) if phases else None,
                _dim("(%s)" % detail) if detail else "",
            )
        with self._lock:
            self._redraw()

    def stopping(self) -> None:
        with self._lock:
            self._step = "Stopping app..."
            self._step_start = time.monotonic()
            self._redraw()

    def stopped(self) -> None:
        self._done.set()
        self._ticker.join(1.0)
        super().stopped()
        self._region.close()
        self._terminal.write(_dim("└─ Stopping app... stopped.") + "\n")
        self._terminal.flush()

    def _keep(self, text: str, ms: "float | None", note: str = "") -> None:
        """Prints a finished branch with its time."""
        columns = len(_without_colours(text))
        time_text = _duration(ms) if ms is not None else ""
        padding = " " * max(1, _TEXT_WIDTH - columns)
        self._region.print((text + padding + " ".join(filter(None, (time_text, note)))).rstrip())

    def _redraw(self) -> None:
        lines = []
        if self._step:
            seconds = time.monotonic() - self._step_start
            lines.append("│  ├─ %s  %s" % (self._step, _dim("%.1f s" % seconds)))
            if self._output:
                lines.append(_dim("│  │  " + self._output))
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
        return [_dim(line) for line in lines[:_MAX_LIVE]]

    def _tick(self) -> None:
        while not self._done.wait(_TICK):
            with self._lock:
                if self._step:
                    self._redraw()


def _duration(ms: float) -> str:
    if ms < 10:
        return "%.1f ms" % ms
    return "%.0f ms" % ms if ms < 1000 else "%.1f s" % (ms / 1000)


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text.rpartition("\r")[2])


def _without_colours(text: str) -> str:
    parts = text.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def _bold(text: str) -> str:
    return "\x1b[1m%s\x1b[0m" % text


def _dim(text: str) -> str:
    return "\x1b[2m%s\x1b[0m" % text


def _green(text: str) -> str:
    return "\x1b[32m%s\x1b[0m" % text


def _red(text: str) -> str:
    return "\x1b[31m%s\x1b[0m" % text
