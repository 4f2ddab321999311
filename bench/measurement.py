"""Statistics of a benchmark, and its two outputs: a table for people and JSON for programs."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any, Callable, Iterable, Sequence


class BenchError(Exception):
    """Something could not be measured; the message says why."""


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two middle ones. Raises ValueError without values."""
    if not values:
        raise ValueError("no values were measured")
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` (0 to 1) of the values do not exceed."""
    if not values:
        raise ValueError("no values were measured")
    if not 0 < share <= 1:
        raise ValueError("share must be above 0 and at most 1, not %r" % share)
    return sorted(values)[math.ceil(share * len(values)) - 1]


@dataclass(frozen=True)
class Measurement:
    """One line of a benchmark. `value` and `baseline` are medians of one run, in `unit`."""

    id: str
    value: float
    unit: str
    baseline: float
    better: str  # "lower" or "higher"
    n: int  # samples on each side
    note: str

    def __post_init__(self) -> None:
        if self.better not in ("lower", "higher"):
            raise ValueError("better must be 'lower' or 'higher', not %r" % self.better)
        if not self.baseline > 0 or not math.isfinite(self.value):
            raise ValueError("%s: %r against %r" % (self.id, self.value, self.baseline))

    @property
    def ratio(self) -> float:
        """Value in units of the baseline."""
        return self.value / self.baseline

    def to_json(self) -> "dict[str, object]":
        """As the JSON file lists it."""
        return {
            "id": self.id,
            "value": round(self.value, 4),
            "unit": self.unit,
            "baseline": round(self.baseline, 4),
            "ratio": round(self.ratio, 4),
            "better": self.better,
            "n": self.n,
            "note": self.note,
        }


def interleave(
    rounds: int, ours: "Callable[[int], float]", baseline: "Callable[[int], float]"
) -> "tuple[list[float], list[float]]":
    """Samples of both sides, taken in turn, so that a slow minute of the machine meets both.

    Each side is called with the number of the round; the side that begins changes every round.
    """
    values: "list[float]" = []
    baselines: "list[float]" = []
    for number in range(rounds):
        if number % 2:
            baselines.append(baseline(number))
            values.append(ours(number))
        else:
            values.append(ours(number))
            baselines.append(baseline(number))
    return values, baselines


def write_json(path: str, measurements: Iterable[Measurement]) -> None:
    """Writes the list of measurements; raises OSError."""
    text = json.dumps([m.to_json() for m in measurements], indent=2) + "\n"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def table(measurements: Iterable[Measurement]) -> str:
    """The measurements as aligned columns, each with its note below."""
    rows = [("id", "value", "baseline", "ratio", "better", "n")]
    notes = [""]
    for m in measurements:
        value, baseline = ("%s %s" % (_short(x), m.unit) for x in (m.value, m.baseline))
        rows.append((m.id, value, baseline, "%.2f" % m.ratio, m.better, str(m.n)))
        notes.append(m.note)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row, note in zip(rows, notes):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:])]
        lines.append("  ".join(cells))
        if note:
            lines.append("    " + note)
    return "\n".join(lines) + "\n"


def phases_of(result: "dict[str, Any]") -> "dict[str, float]":
    """Milliseconds by phase of a CallResult message."""
    return {one.get("name", ""): float(one.get("ms", 0)) for one in result.get("phases", ())}


def waterfall(calls: "Sequence[dict[str, float]]") -> str:
    """Medians of the phases of several calls, in the order in which they first appear."""
    names: "list[str]" = []
    for phases in calls:
        names += [name for name in phases if name not in names]
    if not names:
        return "no phases were recorded\n"
    lines = ["cold call, median of %d, by phase" % len(calls)]
    total = 0.0
    for name in names:
        middle = median([phases[name] for phases in calls if name in phases])
        total += middle
        lines.append("  %-12s %9.2f ms" % (name, middle))
    lines.append("  %-12s %9.2f ms" % ("sum", total))
    return "\n".join(lines) + "\n"


def _short(number: float) -> str:
    if abs(number) >= 100:
        return "%.0f" % number
    return "%.2f" % number if abs(number) >= 1 else "%.3f" % number
