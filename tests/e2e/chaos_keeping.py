"""An app that keeps files in a volume, has batches and a schedule, and callers who know what they were told is kept."""

from __future__ import annotations

from chaos_load import GO_ON
from inside import SAYING

APP = (
    SAYING
    + """
from burrow import Retries

retries = Retries(max_retries=10, initial_delay=0.05, backoff_coefficient=1.0)
volume = burrow.Volume.from_name("chaos-ledger", create_if_missing=True)

@app.function(retries=retries, timeout=60, max_containers=2)
@burrow.batched(max_batch_size=4, wait_ms=20)
def doubled(xs):
    say("doubled", "runs")
    time.sleep(0.1)
    say("doubled", "ended")
    return [2 * x for x in xs]

@app.function(retries=retries, timeout=60, max_containers=2, volumes={"/ledger": volume})
def record(x):
    say("record", "writes")
    with open("/ledger/.%d" % x, "w") as file:
        file.write("entry %d" % x)
    os.rename("/ledger/.%d" % x, "/ledger/%d" % x)
    say("record", "commits")
    volume.commit()
    say("record", "ended")
    return x

@app.function(retries=retries, timeout=60, enable_memory_snapshot=True, single_use_containers=True)
def warmed(x):
    say("warmed", "runs")
    time.sleep(0.05)
    return x + 3

@app.function(retries=retries, timeout=60, schedule=burrow.Period(seconds=2))
def tick():
    say("tick", "runs")
    time.sleep(0.1)
"""
)

CALLERS = (
    """
import itertools, os, sys, threading, traceback, burrow

doubled, record, warmed = (burrow.Function.from_name("keeping", n) for n in "doubled record warmed".split())
numbers, told, asked = itertools.count(), [], set()

def batched():
    assert list(doubled.map(range(14))) == [2 * x for x in range(14)], "batches"
    calls = [doubled.spawn(x) for x in range(6)]
    assert [call.get(timeout=120) for call in calls] == [2 * x for x in range(6)], "spawned batches"

def kept():
    some = list(itertools.islice(numbers, 6))
    asked.update(some)
    for x in record.map(some, order_outputs=False):
        told.append(x)

def forked():
    assert list(warmed.map(range(3))) == [3, 4, 5], "forks"

def last():
    assert sorted(told) == sorted(asked), "each call of the ledger ended once"
    volume = burrow.Volume.from_name("chaos-ledger")
    found = {entry.path for entry in volume.listdir("/")}
    lost = [x for x in told if str(x) not in found]
    assert not lost, "%r are not in %r" % (lost, found)
    half = [x for x in told if b"".join(volume.read_file(str(x))) != b"entry %d" % x]
    return "%d are lost, %d are not whole" % (len(lost), len(half))

loads = (batched, kept, forked)
"""
    + GO_ON
)
