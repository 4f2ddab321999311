"""A schedule across kill -9 of burrowd: no time is called for twice, and none is left out while it runs."""

from __future__ import annotations

import random
import time
from typing import Callable, List, Tuple

import pytest

from daemon import Daemon, wait_until
from ticks import PERIOD_MS, Record, recorded

TICK = """
@app.function(schedule=burrow.Period(seconds=2))
def tick():
    pass
"""
# A time may come this much later than it is due, on a busy machine.
LATE_MS = 500


def now_ms() -> int:
    return int(time.time() * 1000)


def wait_for(moment_ms: float) -> None:
    time.sleep(max(0.0, moment_ms / 1000 - time.time()))


def kill_and_start(daemon: Daemon, after_ms: float, away_ms: float) -> Tuple[int, int]:
    """Kills burrowd so long after the next time is due; from when until when it was away."""
    record = recorded(daemon.state)
    wait_for(record.due(record.slot(now_ms()) + 1) + after_ms)
    killed_ms = now_ms()
    daemon.kill()
    wait_for(killed_ms + away_ms)
    daemon.start()
    return killed_ms, now_ms()


def check(record: Record, absences: List[Tuple[int, int]]) -> None:
    """Each time has one call, but for those that passed while burrowd was away: of them the latest has."""
    slots = record.slots
    assert slots == sorted(set(slots)), "no time was called for twice"
    assert slots[-1] == 0, "the last call is that of the time that is stored"
    for slot in sorted(set(range(slots[0], 0)) - set(slots)):
        assert any(
            killed_ms - LATE_MS < record.due(slot) and slot < record.slot(ready_ms)
            for killed_ms, ready_ms in absences
        ), "the call for %d is missing: %r, away %r" % (record.due(slot), record, absences)


@pytest.mark.parametrize("seed", [1, 2])
def test_a_period_is_neither_skipped_nor_doubled_across_kills(
    own_daemon: Daemon, write_app: Callable[..., str], seed: int
) -> None:
    chance = random.Random(seed)
    own_daemon.start()
    own_daemon.burrow("app", "stop", "clockwork")  # of an earlier run on the same state
    deployed = own_daemon.burrow("deploy", write_app(TICK, name="clockwork"))
    assert deployed.returncode == 0, deployed.stderr
    absences = [
        kill_and_start(own_daemon, chance.uniform(0, PERIOD_MS), 0),
        kill_and_start(own_daemon, chance.uniform(0, 10), 0),  # while the call is being stored
        kill_and_start(own_daemon, chance.uniform(-5, 5), 2.5 * PERIOD_MS),
    ]
    back_ms = absences[-1][1]
    wait_until(
        lambda: recorded(own_daemon.state).calls[-1][0] > back_ms
        and all(ended for _, ended in recorded(own_daemon.state).calls),
        "another time has come, and every call has ended",
    )
    check(recorded(own_daemon.state), absences)
    assert own_daemon.burrow("app", "stop", "clockwork").returncode == 0
