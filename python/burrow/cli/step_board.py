"""Build steps as lines of a terminal: those that run now, with what they printed last."""

from __future__ import annotations

import time
from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Deque

_LAST_LINES = 5
_TEXT_WIDTH = 60


class Step:
    """One step of a build, from its StepEvents and StepOutputs."""

    def __init__(self, number: int, stage: str) -> None:
        self.number = number
        self.stage = stage
        self.text = ""
        self.state = ""
        self.ms = 0.0
        self.waits_for = ""
        self.started = time.monotonic()
        self.lines: "Deque[str]" = deque(maxlen=_LAST_LINES)

    @property
    def runs(self) -> bool:
        """Whether it has begun and not ended."""
        return self.state == "STATE_STARTED"

    def row(self, prefix: str, now: float) -> str:
        """The step in one line."""
        text = prefix + self.text
        if self.state == "STATE_CACHED":
            note = green("CACHED")
        elif self.state == "STATE_FAILED":
            note = red("FAILED")
        elif self.state == "STATE_DONE":
            note = duration(self.ms)
        else:
            note = dim("%.1f s" % (now - self.started))
        return aligned(text, note, _TEXT_WIDTH)

    def last_lines(self, prefix: str, most: int = _LAST_LINES) -> "list[str]":
        """What it printed last, oldest first, and what it waits for."""
        lines = list(self.lines)
        if self.waits_for:
            lines.append("waiting for %s ..." % self.waits_for)
        return [dim(prefix + line) for line in lines[-most:]]


class StepBoard:
    """The steps of one build in the order in which they began. Not thread-safe."""

    def __init__(self) -> None:
        self._steps: "dict[int, Step]" = {}

    def take_step(self, event: "dict[str, Any]") -> Step:
        """Brings a StepEvent in; returns its step."""
        number = int(event.get("step", 0))
        state = str(event.get("state", ""))
        step = self._steps.get(number)
        if step is None or (state == "STATE_STARTED" and not step.runs):
            # An ended step that begins again: the server restarted, and with it the build.
            step = self._steps[number] = Step(number, str(event.get("stage", "")))
        step.text = printable(str(event.get("description", ""))) or step.text
        step.state = state
        step.waits_for = ""
        step.ms = float(event.get("ms", 0))
        return step

    def take_output(self, output: "dict[str, Any]") -> "Step | None":
        """Brings a StepOutput in; returns its step."""
        step = self._steps.get(int(output.get("step", 0)))
        if step is not None:
            step.lines.append(printable(str(output.get("line", ""))))
        return step

    def take_wait(self, wait: "dict[str, Any]") -> None:
        """Brings a StepWait in."""
        step = self._steps.get(int(wait.get("step", 0)))
        if step is not None:
            step.waits_for = printable(str(wait.get("waitsFor", "")))

    def steps(self) -> "list[Step]":
        """All of them."""
        return list(self._steps.values())

    def running(self) -> "list[Step]":
        """Those that have not ended."""
        return [step for step in self._steps.values() if step.runs]

    def clear(self) -> None:
        """Forgets them, for another build."""
        self._steps.clear()


def aligned(text: str, note: str, width: int) -> str:
    """A line with a note behind a column."""
    padding = " " * max(2, width - len(without_colours(text)))
    return (text + padding + note).rstrip()


def duration(ms: float) -> str:
    """Milliseconds for people."""
    if ms < 10:
        return "%.1f ms" % ms
    return "%.0f ms" % ms if ms < 1000 else "%.1f s" % (ms / 1000)


def printable(text: str) -> str:
    """What a terminal would show of a line at last, without control characters."""
    return "".join(c if c.isprintable() else " " for c in text.rstrip("\r").rpartition("\r")[2])


def without_colours(text: str) -> str:
    """The text without escape sequences."""
    parts = text.split("\x1b[")
    return parts[0] + "".join(part.partition("m")[2] for part in parts[1:])


def bold(text: str) -> str:
    """In bold."""
    return "\x1b[1m%s\x1b[0m" % text


def dim(text: str) -> str:
    """Less bright."""
    return "\x1b[2m%s\x1b[0m" % text


def green(text: str) -> str:
    """In green."""
    return "\x1b[32m%s\x1b[0m" % text


def red(text: str) -> str:
    """In red."""
    return "\x1b[31m%s\x1b[0m" % text
