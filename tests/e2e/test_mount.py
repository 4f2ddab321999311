"""`burrowd mount` shows one image as a root filesystem for as long as it runs."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

from daemon import BURROWD, Daemon, Run
from leftovers import mounts_under

STOP_DEADLINE_S = 30.0
Mount = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def index(run: Run, daemon: Daemon, state: Path) -> str:
    """The digest of an image's index, whose content the control of `daemon` has."""
    code = """
    image = burrow.Image.debian_slim().run_commands("echo in the image > /made")
    @app.function(image=image)
    def nothing(): pass
    """
    ended = run(code, "nothing.remote()", deadline_s=300)
    assert ended.returncode == 0, ended.stderr
    with contextlib.closing(sqlite3.connect(str(state / "control" / "burrow.db"))) as database:
        rows = database.execute("SELECT image FROM images ORDER BY seq DESC LIMIT 1").fetchall()
    digest = re.search(rb"[0-9a-f]{64}", rows[0][0])
    assert digest
    return digest.group().decode()


@pytest.fixture
def mount(daemon: Daemon, index: str, tmp_path: Path, state: Path) -> Iterator[Mount]:
    """Starts `burrowd mount` and waits until it has mounted at `tmp_path / "root"`."""
    token = json.loads(daemon.config.read_text())["token"]
    (tmp_path / "token").write_text(token)
    (tmp_path / "root").mkdir()
    started = []

    def mount(*options: str) -> "subprocess.Popen[str]":
        where = ["--control", daemon.url, "--token-file", str(tmp_path / "token")]
        process = subprocess.Popen(
            [BURROWD, "mount", *where, "--state-dir", str(tmp_path / "state"), *options]
            + [index, str(tmp_path / "root")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            universal_newlines=True,
        )
        started.append(process)
        assert process.stdout and process.stdout.readline() == "mounted %s\n" % (tmp_path / "root")
        return process

    yield mount
    for process in started:
        if process.poll() is None:
            process.kill()
        process.wait(STOP_DEADLINE_S)


@pytest.mark.parametrize("image_fs", ["auto", "fuse"])
def test_an_image_is_mounted_writable_until_a_signal(
    mount: Mount, tmp_path: Path, image_fs: str
) -> None:
    process = mount("--image-fs", image_fs)
    root = tmp_path / "root"
    assert (root / "made").read_text() == "in the image\n"
    (root / "made").write_text("changed")
    (root / "new").write_text("new")
    ran = subprocess.run(["chroot", str(root), "cat", "/made", "/new"], stdout=subprocess.PIPE)
    assert ran.stdout == b"changednew"
    process.send_signal(signal.SIGTERM)
    assert process.wait(STOP_DEADLINE_S) == 0
    assert os.listdir(root) == []
    assert (tmp_path / "state" / "upper" / "made").read_text() == "changed"
    assert mounts_under(tmp_path) == set()


def test_the_end_of_stdin_unmounts_a_read_only_image(mount: Mount, tmp_path: Path) -> None:
    process = mount("--read-only")
    with pytest.raises(OSError):
        (tmp_path / "root" / "new").write_text("new")
    assert (tmp_path / "root" / "made").read_text() == "in the image\n"
    assert process.stdin
    process.stdin.close()
    assert process.wait(STOP_DEADLINE_S) == 0
    assert mounts_under(tmp_path) == set()
