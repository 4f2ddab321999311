"""`burrow top` into a pipe, as JSON, and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from typing import Any, Dict, List

import pytest
from small_burrowd import SmallBurrowd
from test_command_line import LAUNCHER, burrow

from burrow.cli.overview_text import overview_lines

DEADLINE_S = 60.0
OVERVIEW: Dict[str, Any] = {
    "timeMs": "1767268800000",
    "functions": [
        {
            "appName": "shop",
            "function": "price",
            "backlog": 12,
            "running": 2,
            "ready": 2,
            "why": "no worker has 4 CPUs and 512 MiB free",
            "waitingMs": 1500.0,
            "meanRunMs": 250.0,
        },
        {
            "appName": "shop",
            "function": "Model",
            "parameters": [{"name": "size", "text": "big\x1b"}],
            "starting": 1,
            "ending": 1,
        },
    ],
    "workers": [
        {
            "workerId": "wk-1",
            "cpus": 8,
            "promisedCpus": 2.5,
            "memoryBytes": "16000000000",
            "promisedMemoryBytes": "1000000000",
            "containers": 4,
        }
    ],
}


def test_the_overview_tells_workers_functions_and_why_calls_wait() -> None:
    lines = overview_lines(OVERVIEW)
    assert "2 calls running, 12 waiting, 2 containers ready" in lines[0]
    rows = [line.split() for line in lines]
    assert ["wk-1", "2.50", "of", "8", "1.0", "GB", "of", "16.0", "GB", "4", "0", "0"] in rows
    assert ["shop", "price", "12", "2", "2", "0", "0", "250", "ms"] in rows
    assert ["shop", "Model(size=big", ")", "0", "0", "0", "1", "1", "-"] in rows
    assert lines[-1] == "price of shop for 1.5 s: no worker has 4 CPUs and 512 MiB free"
    assert not any("\x1b" in line for line in lines)


def test_a_server_without_workers_says_so() -> None:
    lines = overview_lines({"timeMs": "1767268800000"})
    assert lines[0].endswith("no worker is connected") and lines[2].startswith("WORKER")
    assert not any("WAITS" in line for line in lines)


def test_into_a_pipe_it_writes_one_snapshot(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Overviews/Show"] = lambda request: OVERVIEW
    for arguments in (["top"], ["top", "--once"]):
        done = burrow(*arguments)
        assert done.returncode == 0 and "no worker has 4 CPUs" in done.stdout, done.stderr
        assert "\x1b" not in done.stdout
    assert json.loads(burrow("top", "--json").stdout) == OVERVIEW
    assert len(burrowd.called("Overviews/Show")) == 3


class Terminal:
    """A `burrow top` on a terminal without a size."""

    def __init__(self) -> None:
        self.parent, self.child = pty.openpty()
        self.before = termios.tcgetattr(self.child)
        self.process = subprocess.Popen(
            [str(LAUNCHER), "top"],
            env=dict(os.environ, BURROW_PYTHON=sys.executable, TERM="xterm"),
            stdin=self.child,
            stdout=self.child,
            stderr=self.child,
            start_new_session=True,
        )
        self.shown = b""

    def until(self, text: bytes, count: int = 1) -> None:
        end = time.monotonic() + DEADLINE_S
        while self.shown.count(text) < count:
            left = end - time.monotonic()
            assert left > 0 and select.select([self.parent], [], [], left)[0], self.shown
            self.shown += os.read(self.parent, 4096)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(DEADLINE_S)
        os.close(self.parent)
        os.close(self.child)


@pytest.mark.parametrize("how", ["q", "interrupt", "terminate"])
def test_on_a_terminal_it_goes_on_until_a_key_and_restores_it(
    burrowd: SmallBurrowd, how: str
) -> None:
    asked: List[int] = []

    def show(request: Dict[str, Any]) -> Dict[str, Any]:
        asked.append(1)
        return dict(OVERVIEW, timeMs=str(1767268800000 + 1000 * len(asked)))

    burrowd.methods["Overviews/Show"] = show
    terminal = Terminal()
    try:
        terminal.until(b"q ends", 2)
        assert not termios.tcgetattr(terminal.child)[3] & termios.ECHO
        if how == "q":
            os.write(terminal.parent, b"q")
        else:
            number = signal.SIGINT if how == "interrupt" else signal.SIGTERM
            terminal.process.send_signal(number)
        code = terminal.process.wait(DEADLINE_S)
        assert code == (143 if how == "terminate" else 0)
        assert termios.tcgetattr(terminal.child) == terminal.before
        assert len(asked) >= 2 and b"price" in terminal.shown
    finally:
        terminal.close()
