"""The app that the benchmark of calls drives: functions that do nothing."""

import burrow

app = burrow.App("bench-noop")


@app.function(scaledown_window=600)
def noop(value: object = None) -> None:
    """Ends at once."""


@app.function(scaledown_window=600)
def noop_mapped(value: object = None) -> None:
    """Ends at once; apart from noop, so that a map's containers serve no single calls."""
