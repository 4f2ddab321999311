"""Starting and stopping a daemon, with a shell script in burrowd's place: its ways to fail are its own."""

import os
from pathlib import Path

import pytest

from own_burrowd import Daemon, find_burrowd, mounts_below
from measurement import BenchError


def script(tmp_path: Path, body: str) -> str:
    """An executable that runs `body`."""
    path = tmp_path / "burrowd"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def _keep_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_CONFIG", "/nowhere")
    monkeypatch.setenv("BURROW_URL", "http://elsewhere:1")


def test_a_ready_daemon_gives_its_address_and_is_ended(tmp_path: Path) -> None:
    body = (
        "echo starting\n"
        "echo $$ > %s/pid; echo $* > %s/args\n"
        "echo burrowd ready http://127.0.0.1:1234\n"
        "exec sleep 1000\n" % (tmp_path, tmp_path)
    )
    with Daemon(script(tmp_path, body)) as daemon:
        assert daemon.url == "http://127.0.0.1:1234"
        assert os.environ["BURROW_CONFIG"] == daemon.config
        assert "BURROW_URL" not in os.environ
        pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    arguments = (tmp_path / "args").read_text().split()
    assert arguments[:2] == ["up", "--state-dir"]
    assert arguments[-2:] == ["--listen", "127.0.0.1:0"]
    assert not os.path.exists(os.path.dirname(daemon.config))


def test_a_daemon_that_ends_early_is_reported_with_its_log(tmp_path: Path) -> None:
    with pytest.raises(BenchError, match="the port is taken"):
        with Daemon(script(tmp_path, "echo the port is taken >&2\nexit 1\n")):
            pytest.fail("it is not ready")


def test_a_missing_daemon_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROWD", "/nowhere/burrowd")
    with pytest.raises(BenchError, match="dev build"):
        find_burrowd()


def test_mounts_below_a_directory_are_seen() -> None:
    assert "/proc" in mounts_below("/")
    assert mounts_below("/nowhere") == []
