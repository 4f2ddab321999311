"""A function whose containers are forks, for the benchmark of calls. Each call has a container of its own."""

from __future__ import annotations

import time

import burrow

app = burrow.App("bench-forked")


@app.function(enable_memory_snapshot=True, single_use_containers=True)
def first_line() -> float:
    """The time at which user code runs, by the clock that the client has, too."""
    return time.time()
