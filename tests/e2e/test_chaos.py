"""kill -9 of any part under load: each acknowledged call ends once for its caller, and nothing is left."""

from __future__ import annotations

import functools
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Tuple

import pytest

import chaos_keeping
import chaos_load
from chaos import KEEPING, Chaos
from daemon import Daemon, wait_until
from ticks import PERIOD_MS, Record, recorded

# The longest time between one kill and the next.
PAUSE_S = 0.6


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
    deploy(own_daemon, write_app(chaos_load.APP, name="chaos"), "chaos")
    said = struck(chaos, chaos_load.CALLERS, tmp_path)
    assert said == "ends, and some were forked\n"
    assert own_daemon.burrow("app", "stop", "chaos").returncode == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_what_calls_were_told_is_kept_stays_whatever_is_killed(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, seed: int
) -> None:
    chaos = Chaos(own_daemon, seed, KEEPING)
    deploy(own_daemon, write_app(chaos_keeping.APP, name="keeping"), "keeping", "chaos-ledger")
    before = recorded(own_daemon.state)
    said = struck(chaos, chaos_keeping.CALLERS, tmp_path)
    assert said == "ends, and 0 are lost, 0 are not whole\n"
    check_ticks(own_daemon, before)
    assert own_daemon.burrow("app", "stop", "keeping").returncode == 0


def check_ticks(daemon: Daemon, before: Record) -> None:
    """Each time was called for at most once, and each of these calls ends."""
    made = recorded(daemon.state)
    times = (made.last_ms - before.last_ms) // PERIOD_MS
    assert 0 < len(made.calls) - len(before.calls) <= times

    def have_ended() -> bool:
        return all(ended for _, ended in recorded(daemon.state).calls[: len(made.calls)])

    wait_until(have_ended, "every call of the schedule has ended", 60)


def deploy(daemon: Daemon, path: str, app: str, volume: str = "") -> None:
    """Starts the daemon and deploys an app, without what an earlier run on the same state has left."""
    # Whoever waits for calls comes back to the same address.
    daemon.command = functools.partial(  # type: ignore[method-assign]
        daemon.command, listen="127.0.0.1:%d" % lasting_port()
    )
    daemon.start()
    daemon.burrow("app", "stop", app)
    if volume:
        daemon.burrow("volume", "delete", volume, "--yes")
    deployed = daemon.burrow("deploy", path)
    assert deployed.returncode == 0, deployed.stderr


def struck(chaos: Chaos, code: str, directory: Path) -> str:
    """What callers with this code say at their end, after everything of the plan was killed."""
    callers = start_callers(chaos.daemon, code, directory)
    try:
        assert callers.stdout is not None
        assert callers.stdout.readline() == "begins\n"
        chaos.load = callers
        for name in chaos.plan:
            chaos.strike(name)
            time.sleep(chaos.random.uniform(0, PAUSE_S))
    finally:
        out, err = end(callers)
        print("killed: %s\n%s" % (", ".join(chaos.done), err))
    assert callers.returncode == 0
    return out


def end(callers: "subprocess.Popen[str]") -> Tuple[str, str]:
    """Ends them by the end of their stdin; what they still wrote."""
    try:
        return callers.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        callers.kill()
        out, err = callers.communicate()
        return out, err + "\nthe callers did not end"


def start_callers(daemon: Daemon, code: str, directory: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [os.environ.get("BURROW_PYTHON", sys.executable), "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=daemon.environment(),
        cwd=str(directory),
    )
