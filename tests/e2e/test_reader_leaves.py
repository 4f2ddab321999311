"""`burrow run ... | head -1` ends with its reader."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Callable

import pytest

from daemon import BURROW, Daemon

REMOTE = """
import time
@app.function()
def talk():
    while True:
        print("line")
        time.sleep(0.01)
"""


@pytest.mark.parametrize("main", ["talk.remote()", "while True: print('line')"])
def test_a_run_whose_reader_leaves_ends_quietly_and_stops_its_app(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, main: str
) -> None:
    path = write_app(REMOTE, name="talks", main=main)
    done = subprocess.run(
        ["sh", "-c", '"$0" run --quiet "$1" | head -1', BURROW, path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        cwd=tmp_path,
        env=daemon.environment(),
        timeout=120,
    )
    assert done.stdout == "line\n"
    assert done.stderr == ""
    assert "talks" not in daemon.burrow("app", "ls").stdout
    assert "talks" not in daemon.burrow("ps").stdout
