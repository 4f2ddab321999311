"""How long a container takes that starts as a fork of a warmed process."""

from __future__ import annotations

import time
from typing import Any

from measurement import BenchError, Measurement, interleave, median
from plain_container import PlainContainers

_MAX_FIRST_CALLS = 50
_REST_S = (
    0.5  # the container before is taken away, and the next fork made, which is not what is measured
)


def forked_starts(calls: int) -> "tuple[Measurement, list[dict[str, float]]]":
    """The measurement, and the phases of each start."""
    import forked
    from burrow._client.session import run_app

    recorded: "list[dict[str, float]]" = []

    def observe(_: str, result: "dict[str, Any]") -> None:
        phases = result.get("phases", ())
        recorded.append({p.get("name", ""): float(p.get("ms", 0)) for p in phases})

    def ours(_: int) -> float:
        started = time.time()
        arrived: float = forked.first_line.remote()
        return (arrived - started) * 1000

    def rested(number: int) -> float:
        time.sleep(_REST_S)
        return ours(number)

    containers = PlainContainers()
    try:
        containers.run()
        with run_app(forked.app, None, observe):
            for _ in range(
                _MAX_FIRST_CALLS
            ):  # the first starts from nothing, and some while one is warmed
                ours(0)
                if "fork" in recorded[-1]:
                    break
            recorded.clear()
            values, baselines = interleave(calls, rested, lambda _: containers.run())
    finally:
        containers.close()
    if len(recorded) != calls or not all("fork" in phases for phases in recorded):
        raise BenchError("not every container was a fork: %s" % recorded)
    note = (
        "call whose container starts as a fork, from .remote() to the first line of user code; "
        "baseline: overlay over this machine's root and 'crun run' of 'python3 -c pass'"
    )
    fork = Measurement(
        "calls.cold_fork_ms", median(values), "ms", median(baselines), "lower", calls, note
    )
    return fork, recorded
