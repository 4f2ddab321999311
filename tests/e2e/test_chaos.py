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

from chaos import Chaos
from chaos_load import APP, CALLERS
from daemon import Daemon

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
    # Whoever waits for calls comes back to the same address.
    own_daemon.command = functools.partial(  # type: ignore[method-assign]
        own_daemon.command, listen="127.0.0.1:%d" % lasting_port()
    )
    own_daemon.start()
    own_daemon.burrow("app", "stop", "chaos")  # of an earlier run on the same state
    deployed = own_daemon.burrow("deploy", write_app(APP, name="chaos"))
    assert deployed.returncode == 0, deployed.stderr
    callers = start_callers(own_daemon, tmp_path)
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
    assert (callers.returncode, out) == (0, "ends, and some were forked\n")
    assert own_daemon.burrow("app", "stop", "chaos").returncode == 0


def end(callers: "subprocess.Popen[str]") -> Tuple[str, str]:
    """Ends them by the end of their stdin; what they still wrote."""
    try:
        return callers.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        callers.kill()
        out, err = callers.communicate()
        return out, err + "\nthe callers did not end"


def start_callers(daemon: Daemon, directory: Path) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [os.environ.get("BURROW_PYTHON", sys.executable), "-c", CALLERS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=daemon.environment(),
        cwd=str(directory),
    )
