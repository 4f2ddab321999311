"""What a program that runs its app by itself shows of it."""

from __future__ import annotations

import os
import pty
import select
import sys
import threading
from contextlib import contextmanager
from typing import Any, Dict, Iterator

import pytest
from fake_server import ConnectFailure
from small_burrowd import SmallBurrowd

import burrow

app = burrow.App("shown")


@app.function()
def double(x: int) -> int:
    return 2 * x


@pytest.fixture
def building(burrowd: SmallBurrowd) -> SmallBurrowd:
    def build(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"buildId": "bd-1"}
        for state in ("STATE_STARTED", "STATE_DONE"):
            yield {"step": {"state": state, "description": "apt_install", "ms": 1500}}
        yield {"image": {"imageId": "im-1"}}

    burrowd.methods["Images/Build"] = build
    return burrowd


PROGRESS = "building image: apt_install\nbuilt in 1.5 s: apt_install\n"


def test_progress_is_shown_where_output_is_enabled(
    building: SmallBurrowd, capsys: pytest.CaptureFixture[str]
) -> None:
    with burrow.enable_output():
        with app.run():
            assert double.remote(2) == 4
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("last words\n", PROGRESS)


def test_otherwise_only_what_containers_print_is_shown(
    building: SmallBurrowd, capsys: pytest.CaptureFixture[str]
) -> None:
    with burrow.enable_output(), burrow.enable_output(show_progress=False), app.run():
        pass
    assert tuple(capsys.readouterr()) == ("last words\n", "")
    with app.run():
        pass
    assert tuple(capsys.readouterr()) == ("last words\n", "")


def test_deploying_shows_progress_too(
    building: SmallBurrowd, capsys: pytest.CaptureFixture[str]
) -> None:
    building.methods["Deployments/Deploy"] = lambda request: {"appId": "ap-1", "version": 1}
    other = burrow.App("deployed")
    other.function(name="f", serialized=True)(lambda: 1)
    with burrow.enable_output():
        other.deploy()
    assert capsys.readouterr().err == PROGRESS


@contextmanager
def terminal() -> Iterator[int]:
    """The other end of what stderr is meanwhile, which must be left as it was."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as stream, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm")
        patch.setattr(sys, "stderr", stream)
        yield ours
        assert sys.stderr is stream
    os.close(ours)


def test_a_terminal_has_the_tree_and_is_itself_again_afterwards(building: SmallBurrowd) -> None:
    with terminal() as shown:
        own = sys.stderr
        with burrow.enable_output(), app.run():
            assert sys.stderr is not own
        seen = b""  # which may come in pieces
        while b"ready to call double" not in seen and select.select([shown], [], [], 10)[0]:
            seen += os.read(shown, 65536)
        assert b"ready to call double" in seen


def test_a_terminal_is_itself_again_where_the_app_never_began(building: SmallBurrowd) -> None:
    def refuse(request: Dict[str, Any]) -> Dict[str, Any]:
        raise ConnectFailure("failed_precondition", "not now")

    building.methods["Apps/Create"] = refuse
    with terminal(), burrow.enable_output(), pytest.raises(burrow.Error, match="not now"):
        with app.run():
            pass
    assert all(thread.name != "burrow-status" for thread in threading.enumerate())
