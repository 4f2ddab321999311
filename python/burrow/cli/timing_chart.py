"""Where the time of a run's calls went, as a bar chart of text."""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PHASES = ("queue", "place", "mount", "launch", "interpreter", "fork", "import", "run")
_BAR_WIDTH = 40
_MAX_WARM = 10000


class CallTimings:
    """Collects the phases of finished calls. `observe` may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cold: "dict[str, dict[str, float]]" = {}
        self._notes: "dict[str, list[str]]" = {}  # of the last cold calls that have some
        self._warm: "dict[str, list[dict[str, float]]]" = {}
        self._warm_counts: "dict[str, int]" = {}

    def observe(self, function: str, result: "dict[str, Any]") -> None:
        """Takes the CallResult message of a finished call."""
        phases = {
            str(phase.get("name", "")): float(phase.get("ms", 0.0))
            for phase in result.get("phases", ())
        }
        if not phases:
            return
        with self._lock:
            if result.get("cold"):
                self._cold.setdefault(function, phases)
                # The first container has nothing to be forked from; why later ones were not says more.
                self._notes[function] = notes_of(result) or self._notes.get(function, [])
                return
            self._warm_counts[function] = self._warm_counts.get(function, 0) + 1
            calls = self._warm.setdefault(function, [])
            if len(calls) < _MAX_WARM:
                calls.append(phases)

    def render(self) -> str:
        """The chart: per function its first cold call and the median of its warm ones."""
        with self._lock:
            names = sorted(set(self._cold) | set(self._warm))
            parts = []
            for name in names:
                if name in self._cold:
                    chart = waterfall("%s: first cold call" % name, self._cold[name])
                    parts.append(chart + "".join("  %s\n" % note for note in self._notes[name]))
                if name in self._warm:
                    title = "%s: median of %d warm calls" % (name, self._warm_counts[name])
                    parts.append(waterfall(title, _medians(self._warm[name])))
        return "\n" + "\n".join(parts) if parts else "no calls were timed\n"


def notes_of(result: "dict[str, Any]") -> "list[str]":
    """What the phases of a CallResult message say of themselves, such as why there was no fork."""
    notes = (str(phase.get("note", "")) for phase in result.get("phases", ()))
    return [note for note in notes if note]


def _medians(calls: "list[dict[str, float]]") -> "dict[str, float]":
    names = {name for phases in calls for name in phases}
    medians = {}
    for name in names:
        values = sorted(phases[name] for phases in calls if name in phases)
        middle = len(values) // 2
        even = len(values) % 2 == 0
        medians[name] = (values[middle - 1] + values[middle]) / 2 if even else values[middle]
    return medians


def waterfall(title: str, phases: "dict[str, float]") -> str:
    """One waterfall: each bar starts where the one above it ends."""
    names = [name for name in PHASES if name in phases]
    names += sorted(set(phases) - set(PHASES))
    total = sum(phases[name] for name in names)
    lines = ["%s, %.1f ms" % (title, total)]
    before = 0.0
    for name in names:
        bar = _bar(before, phases[name], total)
        lines.append("  %-12s %9.2f ms  |%-*s|" % (name, phases[name], _BAR_WIDTH, bar))
        before += phases[name]
    return "\n".join(lines) + "\n"


def _bar(before: float, length: float, total: float) -> str:
    if total <= 0 or length <= 0:
        return ""
    start = min(int(before / total * _BAR_WIDTH), _BAR_WIDTH - 1)
    end = max(start + 1, round((before + length) / total * _BAR_WIDTH))
    return " " * start + "#" * (end - start)
