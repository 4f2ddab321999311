"""`burrow run ... | head -1`: whoever read the output has left."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict

from small_burrowd import SmallBurrowd
from test_command_line import LAUNCHER

APP = """
import burrow
app = burrow.App("talks")

@app.function()
def talk():
    pass

@app.local_entrypoint()
def main():
    %s
"""


def start(tmp_path: Path, entrypoint: str) -> "subprocess.Popen[str]":
    (tmp_path / "talks.py").write_text(APP % entrypoint)
    return subprocess.Popen(
        [str(LAUNCHER), "run", str(tmp_path / "talks.py")],
        env=dict(os.environ, BURROW_PYTHON=sys.executable),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
    )


def assert_ended_quietly(running: "subprocess.Popen[str]", burrowd: SmallBurrowd) -> None:
    assert running.stderr is not None
    said = running.stderr.read()
    assert running.wait(30) == 1
    assert "Traceback" not in said and "Error" not in said and "Exception" not in said, said
    assert len(burrowd.stopped) == 1


def test_an_endless_entrypoint_ends_with_its_reader(burrowd: SmallBurrowd, tmp_path: Path) -> None:
    running = start(tmp_path, "while True: print('line')")
    assert running.stdout is not None and running.stdout.readline() == "line\n"
    running.stdout.close()
    assert_ended_quietly(running, burrowd)


def test_a_run_ends_with_the_reader_of_remote_output(burrowd: SmallBurrowd, tmp_path: Path) -> None:
    called, leave = threading.Event(), threading.Event()

    def pending(request: Dict[str, Any]) -> Dict[str, Any]:
        called.set()
        leave.wait(60)
        return {"callId": request["input"]["callId"]}

    burrowd.methods["Calls/Invoke"] = pending
    running = start(tmp_path, "talk.remote()")
    try:
        assert called.wait(30)
        burrowd.say("first")
        assert running.stdout is not None and running.stdout.readline() == "first\n"
        running.stdout.close()
        burrowd.say("nobody reads this")
        assert_ended_quietly(running, burrowd)
    finally:
        leave.set()
