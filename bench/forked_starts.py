"""How long a container takes that starts as a fork of a warmed process."""

from __future__ import annotations

import time
from typing import Any

from measurement import BenchError, Measurement, interleave, median, phases_of
from plain_container import PlainContainers

# The first starts from nothing, and some while one is warmed.
_MAX_FIRST_CALLS = 50
# The container before is taken away, and the next fork made, which is not what is measured.
_REST_S = 0.5


def forked_starts(calls: int) -> "tuple[Measurement, list[dict[str, float]]]":
    """The measurement, and the phases of each start."""
    import forked
    from burrow._client.session import run_app

    recorded: "list[dict[str, float]]" = []

    def observe(_: str, result: "dict[str, Any]") -> None:
        recorded.append(phases_of(result))

    def ours(_: int) -> float:
        started = time.time()
        arrived: float = forked.first_line.remote()
        return (arrived - started) * 1000

    def rested(number: int) -> float:
        time.sleep(_REST_S)
        return ours(number)

    with PlainContainers() as containers, run_app(forked.app, None, observe):
        containers.run()
        for _ in range(_MAX_FIRST_CALLS):
            ours(0)
            if "fork" in recorded[-1]:
                break
        recorded.clear()
        values, baselines = interleave(calls, rested, lambda _: containers.run())
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
