"""Tables of text, and the words for sizes and ages in them."""

from __future__ import annotations

import time


def table(header: "list[str]", rows: "list[list[str]]") -> str:
    """Columns as wide as their content, ending in a newline."""
    lines = [header] + rows
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() + "\n"
        for line in lines
    )


def age(unix_ms: "int | str | None", now: "float | None" = None) -> str:
    """How long ago: "12s", "5m", "3h", "2d"; "-" for never."""
    if not unix_ms:
        return "-"
    seconds = max(0, int((time.time() if now is None else now) - int(unix_ms) / 1000))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return "%d%s" % (seconds // size, unit)
    return "%ds" % seconds


def size(count: "int | str | None") -> str:
    """Bytes as "12 B", "3.4 MB"."""
    value = float(count or 0)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return "%.*f %s" % (0 if unit == "B" else 1, value, unit)
        value /= 1000
    return "%.1f TB" % value


def word(enum_name: "str | None", prefix: str) -> str:
    """An enum value without its prefix, in lower case."""
    name = str(enum_name or "")
    return name[len(prefix) :].lower() if name.startswith(prefix) else name.lower() or "-"
