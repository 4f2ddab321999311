"""`burrow serve`, from a saved file to calls that run its new code; `burrow top` beside it."""

from __future__ import annotations

import json
import queue
import signal
import subprocess
import threading
from pathlib import Path
from typing import Callable, Iterator, List

import pytest

from daemon import Daemon

DEADLINE_S = 90.0
CODE = """
import os, served_part
PLACE = os.environ.get("BURROW_CONTAINER_ID")

@app.function()
def value():
    print("asked")
    return [%s, served_part.VALUE, PLACE]

@app.function(serialized=True)
def steady():
    import os
    return [os.environ["BURROW_CONTAINER_ID"]]
"""


class Serving:
    """A `burrow serve` that runs, and what it says, line by line."""

    def __init__(self, daemon: Daemon, path: Path) -> None:
        self.process = daemon.popen("serve", str(path), cwd=path.parent)
        self.out: "queue.Queue[str]" = queue.Queue()
        self.err: "queue.Queue[str]" = queue.Queue()
        self._threads = [
            threading.Thread(target=self._read, args=pair, daemon=True)
            for pair in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for thread in self._threads:
            thread.start()

    @staticmethod
    def _read(stream: "Iterator[str]", lines: "queue.Queue[str]") -> None:
        for line in stream:
            lines.put(line.rstrip("\n"))

    def until(self, beginning: str) -> List[str]:
        lines: List[str] = []
        while not lines or not lines[-1].startswith(beginning):
            lines.append(self.err.get(timeout=DEADLINE_S))
        return lines

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        finally:
            for thread in self._threads:
                thread.join(DEADLINE_S)


@pytest.fixture
def path(write_app: Callable[..., str], tmp_path: Path) -> Path:
    (tmp_path / "served_part.py").write_text("VALUE = 1\n")
    return Path(write_app(CODE % 1, name="served"))


@pytest.fixture
def serving(daemon: Daemon, path: Path) -> Iterator[Serving]:
    serving = Serving(daemon, path)
    try:
        serving.until("serving value(), steady() of served (ap-")
        yield serving
    finally:
        serving.end()


def call(daemon: Daemon, function: str) -> "object":
    done = daemon.burrow("call", "served", function)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_saved_answers_calls_and_what_it_does_not_reach_stays(
    daemon: Daemon, serving: Serving, path: Path, write_app: Callable[..., str]
) -> None:
    first, steady = call(daemon, "value"), call(daemon, "steady")
    assert isinstance(first, list) and first[:2] == [1, 1]
    assert serving.out.get(timeout=DEADLINE_S) == "asked"

    write_app(CODE % 2, name="served")
    serving.until("swapped value() in ")
    second = call(daemon, "value")
    assert isinstance(second, list) and second[:2] == [2, 1] and second[2] != first[2]

    (path.parent / "served_part.py").write_text("VALUE = (\n")
    assert any("SyntaxError" in line for line in serving.until("the old code stays in place"))
    assert call(daemon, "value") == second
    (path.parent / "served_part.py").write_text("VALUE = 2\n")
    serving.until("swapped value() in ")
    third = call(daemon, "value")
    assert isinstance(third, list) and third[:2] == [2, 2]
    assert call(daemon, "steady") == steady

    overview = json.loads(daemon.burrow("top", "--json").stdout)
    shown = {item["function"]: item for item in overview["functions"]}
    assert shown["value"]["appName"] == "served" and shown["value"]["ready"] == 1
    text = daemon.burrow("top").stdout
    assert "CONTAINERS" in text and "steady" in text

    write_app((CODE % 3).replace("def value", "def other"), name="served")
    serving.until("swapped other(), removed value() in ")
    removed = daemon.burrow("call", "served", "value")
    assert removed.returncode == 1 and "has no function 'value'" in removed.stderr
    again = call(daemon, "other")
    assert isinstance(again, list) and again[:2] == [3, 2]

    assert serving.end() == 130
    gone = daemon.burrow("call", "served", "value")
    assert gone.returncode == 1 and "no deployed app" in gone.stderr


def test_calls_that_run_end_with_the_code_that_they_began_with(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    code = """
    import time
    @app.function()
    def slow(seconds):
        print("begun")
        time.sleep(seconds)
        return %d
    """
    path = Path(write_app(code % 1, name="served_slow"))
    serving = Serving(daemon, path)
    running = None
    try:
        serving.until("serving slow()")
        running = daemon.popen("call", "served_slow", "slow", "4", cwd=tmp_path)
        assert serving.out.get(timeout=DEADLINE_S) == "begun"
        write_app(code % 2, name="served_slow")
        serving.until("swapped slow() in ")
        done = daemon.burrow("call", "served_slow", "slow", "0")
        assert (done.stdout, running.poll()) == ("2\n", None)
        assert running.communicate(timeout=DEADLINE_S)[0] == "1\n"
    finally:
        if running is not None and running.poll() is None:
            running.kill()
            running.communicate()
        serving.end()
