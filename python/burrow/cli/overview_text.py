"""An Overview message as lines of text."""

from __future__ import annotations

import time

from burrow.cli.step_board import bold, dim, duration, printable
from burrow.cli.tables import size, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NO_WORKER = "no worker is connected"


def overview_lines(overview: "dict[str, Any]", colours: bool = False) -> "list[str]":
    """Workers, then the functions of each app, then what waits.

    Args:
        colours: for a terminal.
    """
    plain = lambda text: text  # noqa: E731
    mark, soften = (bold, dim) if colours else (plain, plain)
    functions = overview.get("functions", ())
    lines = [mark(_headline(overview))]
    workers = table(
        ["WORKER", "CPU", "MEMORY", "CONTAINERS", "BUILDS", "SHELLS"], _workers(overview)
    )
    header = ["APP", "FUNCTION", "WAITING", "RUNNING", "READY", "STARTING", "ENDING", "MEAN"]
    rows = [_function_row(item) for item in functions]
    for text in (workers, table(header, rows) if rows else ""):
        if text:
            first, *others = text.splitlines()
            lines += ["", soften(first), *others]
    waiting = [line for line in (_why(item) for item in functions) if line]
    if waiting:
        lines += ["", soften("WAITS"), *waiting]
    return lines


def _headline(overview: "dict[str, Any]") -> str:
    functions = overview.get("functions", ())
    running, waiting, ready = (
        sum(int(item.get(name, 0)) for item in functions)
        for name in ("running", "backlog", "ready")
    )
    seconds = int(overview.get("timeMs", 0)) / 1000
    clock = time.strftime("%H:%M:%S", time.localtime(seconds))
    text = "%s  %d calls running, %d waiting, %d containers ready" % (
        clock,
        running,
        waiting,
        ready,
    )
    return text if overview.get("workers") else "%s  %s" % (text, _NO_WORKER)


def _workers(overview: "dict[str, Any]") -> "list[list[str]]":
    return [
        [
            item.get("workerId", ""),
            "%.2f of %g" % (item.get("promisedCpus", 0), item.get("cpus", 0)),
            "%s of %s" % (size(item.get("promisedMemoryBytes")), size(item.get("memoryBytes"))),
            str(item.get("containers", 0)),
            str(item.get("builds", 0)),
            str(item.get("shells", 0)),
        ]
        for item in overview.get("workers", ())
    ]


def _function_row(item: "dict[str, Any]") -> "list[str]":
    numbers = ("backlog", "running", "ready", "starting", "ending")
    mean = float(item.get("meanRunMs", 0))
    return [
        item.get("appName", "") or item.get("appId", ""),
        _label(item),
        *(str(item.get(name, 0)) for name in numbers),
        duration(mean) if mean else "-",
    ]


def _label(item: "dict[str, Any]") -> str:
    """The function, of a variant with what it differs by."""
    name = str(item.get("function", ""))
    values = [_parameter(one) for one in item.get("parameters", ())]
    return printable("%s(%s)" % (name, ", ".join(values))) if values else name


def _parameter(message: "dict[str, Any]") -> str:
    value = next((value for key, value in message.items() if key != "name"), "")
    return "%s=%s" % (message.get("name", ""), str(value)[:20])


def _why(item: "dict[str, Any]") -> str:
    if not item.get("why"):
        return ""
    waits = duration(float(item.get("waitingMs", 0)))
    text = "%s of %s for %s: %s" % (_label(item), item.get("appName", ""), waits, item["why"])
    return printable(text)
