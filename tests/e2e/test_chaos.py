"""kill -9 of any part under load: each acknowledged call ends once for its caller, and nothing is left."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest

from chaos import Chaos
from daemon import Daemon

WORK = """
import time
from burrow import Retries

retries = Retries(max_retries=10, initial_delay=0.05, backoff_coefficient=1.0)

@app.function(retries=retries, max_containers=3, timeout=60)
def square(x):
    time.sleep(0.02 + x % 7 / 50)
    return x * x

@app.function(retries=retries, timeout=60)
def count(n):
    for i in range(n):
        time.sleep(0.02)
        yield i
"""

# Three kinds of callers at once, each sure of its own results; what they find wrong ends the program.
LOAD = """
import collections, threading, traceback, burrow

square = burrow.Function.from_name("chaos", "square")
count = burrow.Function.from_name("chaos", "count")
failures = []

def mapped():
    assert list(square.map(range(150))) == [x * x for x in range(150)], "map"
    seen = collections.Counter(square.map(range(90), order_outputs=False))
    assert seen == collections.Counter(x * x for x in range(90)), "map without order"

def spawned():
    calls = [(x, square.spawn(x)) for x in range(60)]
    for x, call in calls:
        assert call.get(timeout=120) == x * x, "spawn"
    for x, call in calls[:10]:
        assert burrow.FunctionCall.from_id(call.object_id).get(timeout=120) == x * x, "from_id"

def called():
    for x in range(60):
        assert square.remote(x) == x * x, "remote"
    assert list(count.remote_gen(40)) == list(range(40)), "remote_gen"

def guarded(load):
    try:
        load()
    except BaseException:
        failures.append(load.__name__)
        traceback.print_exc()

threads = [threading.Thread(target=guarded, args=(load,)) for load in (mapped, spawned, called)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print("failures:", failures)
"""


def lasting_port() -> int:
    """A free port that the system gives to nobody while burrowd is away: one below those that it hands out."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    for port in range(lowest - 1, 1024, -1):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port is free")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_calls_end_once_whatever_is_killed(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, seed: int
) -> None:
    chaos = Chaos(own_daemon, seed)
    # Whoever waits for calls comes back to the same address.
    own_daemon.command = functools.partial(  # type: ignore[method-assign]
        own_daemon.command, listen="127.0.0.1:%d" % lasting_port()
    )
    own_daemon.start()
    own_daemon.burrow("app", "stop", "chaos")  # of an earlier run on the same state
    deployed = own_daemon.burrow("deploy", write_app(WORK, name="chaos"))
    assert deployed.returncode == 0, deployed.stderr
    load = subprocess.Popen(
        [os.environ.get("BURROW_PYTHON", sys.executable), "-c", LOAD],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=own_daemon.environment(),
        cwd=str(tmp_path),
    )
    try:
        while load.poll() is None and len(chaos.done) < 12:
            chaos.strike(lambda: load.poll() is not None)
            try:
                load.wait(chaos.random.uniform(0.1, 1.5))
            except subprocess.TimeoutExpired:
                pass
        out, err = load.communicate(timeout=240)
    finally:
        if load.poll() is None:
            load.kill()
            load.communicate()
    assert out == "failures: []\n", (chaos.done, out, err)
    assert own_daemon.burrow("app", "stop", "chaos").returncode == 0
