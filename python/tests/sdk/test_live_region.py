from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
import threading
from pathlib import Path
from typing import Iterator, List

import pytest
from small_burrowd import SmallBurrowd
from test_command_line import APP, LAUNCHER, MAIN

from burrow.cli.live_region import LiveRegion, fit
from burrow.cli.status_tree import StatusTree
from burrow.cli.whole_lines import WholeLines


class Screen:
    """What a terminal shows after the escape sequences that Burrow uses."""

    def __init__(self) -> None:
        self.lines: List[str] = [""]

    def feed(self, text: str) -> "Screen":
        position = 0
        while position < len(text):
            if text.startswith("\x1b[", position):
                end = position + 2
                while not text[end].isalpha():
                    end += 1
                self._control(text[end], text[position + 2 : end])
                position = end + 1
                continue
            if text[position] == "\n":
                self.lines.append("")
            elif text[position] != "\r":
                self.lines[-1] += text[position]
            position += 1
        return self

    def _control(self, kind: str, argument: str) -> None:
        if kind == "F":  # up to the start of an earlier line; J, which follows, clears below
            del self.lines[len(self.lines) - 1 - int(argument) :]
            self.lines.append("")
        else:
            assert kind in "mJ", kind


def test_lines_are_redrawn_in_place_under_what_stays() -> None:
    terminal = io.StringIO()
    region = LiveRegion(terminal)
    region.show(["one", "two"])
    region.print("kept")
    region.show(["three"])
    assert Screen().feed(terminal.getvalue()).lines == ["kept", "three", ""]
    region.close()
    assert Screen().feed(terminal.getvalue()).lines == ["kept", ""]


def test_other_output_goes_above_and_an_open_line_is_left_alone() -> None:
    terminal = io.StringIO()
    region = LiveRegion(terminal)
    region.show(["live"])
    region.write_through(terminal, "log\n")
    assert Screen().feed(terminal.getvalue()).lines == ["log", "live", ""]
    region.write_through(terminal, "name? ")
    region.show(["live again"])
    assert Screen().feed(terminal.getvalue()).lines == ["log", "name? "]
    region.print("kept")
    assert Screen().feed(terminal.getvalue()).lines == ["log", "name? ", "kept", "live again", ""]


def test_a_line_is_cut_by_columns_and_not_by_characters() -> None:
    assert fit("abcdef", 3) == "abc"
    assert fit("\x1b[1mabc\x1b[0m", 3) == "\x1b[1mabc\x1b[0m"
    assert fit("\x1b[1mabcd", 3) == "\x1b[1mabc\x1b[0m"
    assert fit("日本語", 4) == "日本"


def test_the_tree_keeps_finished_steps_and_counts_containers() -> None:
    terminal = io.StringIO()
    tree = StatusTree(terminal)
    tree.app_created("hello", "ap-1", 3.0)
    tree.image_step({"state": "STATE_CACHED", "description": "debian_slim"})
    tree.image_step({"step": 1, "state": "STATE_STARTED", "description": "apt_install x"})
    tree.image_output({"step": 1, "line": "Unpacking\x07 x ..."})
    shown = Screen().feed(terminal.getvalue()).lines
    assert any("debian_slim" in line and "CACHED" in line for line in shown)
    assert "apt_install x" in shown[-3] and "Unpacking  x" in shown[-2]
    tree.image_step(
        {"step": 1, "state": "STATE_DONE", "description": "apt_install x", "ms": 1500.0}
    )
    for number in range(3):
        tree.container(
            {
                "containerId": "ct-%d" % number,
                "function": "f",
                "state": "CONTAINER_STATE_READY" if number else "CONTAINER_STATE_STARTING",
                "phases": [{"name": "mount", "ms": 7.0}, {"name": "import", "ms": 20.0}],
            }
        )
    shown = Screen().feed(terminal.getvalue()).lines
    assert sum("container ready" in line for line in shown) == 1
    assert any("27 ms (mount 7.0 ms, import 20 ms)" in line for line in shown)
    assert "f: 2 ready, 1 starting" in shown[-2]
    tree.stopped()
    shown = Screen().feed(terminal.getvalue()).lines
    assert "stopped." in shown[-2] and not any("starting" in line for line in shown)


def test_the_tree_shows_every_step_that_runs() -> None:
    terminal = io.StringIO()
    tree = StatusTree(terminal)
    tree.image_build("bd-1")
    for number, name in enumerate(("[a 1/1] RUN x", "[b 1/1] RUN y")):
        tree.image_step({"step": number, "state": "STATE_STARTED", "description": name})
    for number, line in ((1, "from y"), (0, "from x"), (0, "last of x")):
        tree.image_output({"step": number, "line": line})
    shown = Screen().feed(terminal.getvalue()).lines
    assert "[a 1/1] RUN x" in shown[0] and "last of x" in shown[1]
    assert "[b 1/1] RUN y" in shown[2] and "from y" in shown[3]
    tree.image_step({"step": 1, "state": "STATE_DONE", "description": "[b 1/1] RUN y", "ms": 5.0})
    tree.note("a note")
    shown = Screen().feed(terminal.getvalue()).lines
    assert "[b 1/1] RUN y" in shown[0] and "5.0 ms" in shown[0] and "a note" in shown[1]
    assert "[a 1/1] RUN x" in shown[2] and "from x" in shown[3]
    tree.stopped()


def test_a_run_on_a_terminal_shows_tree_logs_and_result(
    burrowd: SmallBurrowd, tmp_path: Path
) -> None:
    script = tmp_path / "tty_app.py"
    script.write_text(APP + MAIN)
    shown = "\n".join(Screen().feed("".join(_on_terminal("run", str(script)))).lines)
    positions = [
        shown.find(text) for text in ("cli ap-1", "CACHED", "source", "0.25", "last words")
    ]
    assert positions == sorted(positions) and positions[0] >= 0
    assert "stopped." in shown


def _on_terminal(*arguments: str) -> Iterator[str]:
    ours, theirs = pty.openpty()
    env = dict(os.environ, BURROW_PYTHON=sys.executable, TERM="xterm", PYTHONUTF8="1")
    process = subprocess.Popen(
        [str(LAUNCHER), *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    data = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # every other end is closed
            break
        if not part:
            break
        data += part
    os.close(ours)
    assert process.wait(30) == 0
    yield data.decode("utf-8")


@pytest.fixture(autouse=True)
def streams_stay() -> Iterator[None]:
    before = sys.stdout, sys.stderr
    yield
    assert (sys.stdout, sys.stderr) == before


def test_lines_that_two_threads_print_in_pieces_stay_whole() -> None:
    screen = io.StringIO()
    lines = WholeLines(screen)
    print("the sum is", end=" ", file=lines)
    other = threading.Thread(target=print, args=("remote", "line"), kwargs={"file": lines})
    other.start()
    other.join()
    print(385, file=lines)
    print("? ", end="", file=lines)
    lines.flush()
    assert screen.getvalue() == "remote line\nthe sum is 385\n? "
    lines.write("left")
    lines.finish()
    assert screen.getvalue().endswith("? left")
