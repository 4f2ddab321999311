"""`burrow volume ...` against a server in memory."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from small_burrowd import SmallBurrowd
from small_volumes import SmallVolumes
from test_command_line import burrow


@pytest.fixture
def volumes(burrowd: SmallBurrowd) -> SmallVolumes:
    return SmallVolumes(burrowd)


def run(*arguments: "str | Path") -> str:
    done = burrow("volume", *map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout


def refused(*arguments: "str | Path") -> str:
    done = burrow("volume", *map(str, arguments))
    assert done.returncode == 1, done.stdout
    assert "Traceback" not in done.stderr
    return done.stderr


def test_what_was_put_is_listed_and_got(volumes: SmallVolumes, tmp_path: Path) -> None:
    local = tmp_path / "local"
    (local / "sub").mkdir(parents=True)
    (local / "sub/file").write_text("content")
    (local / "sub/file").chmod(0o750)
    assert run("create", "v") == "Created the volume v\n"
    run("put", "v", local, "/data")
    assert "file" in run("ls", "v", "data/sub")
    (entry,) = json.loads(run("ls", "v", "data/sub", "--json"))
    assert (entry["path"], entry["type"], entry["size"]) == ("data/sub/file", "file", 7)
    (tmp_path / "out").mkdir()
    assert run("get", "v", "data", tmp_path / "out") == "Got 1 files, 7 B\n"
    got = tmp_path / "out/data/sub/file"
    assert got.read_text() == "content"
    assert stat.S_IMODE(got.stat().st_mode) == 0o750
    assert run("get", "v", "data/sub/file", "-") == "content"
    run("get", "v", "data/sub/file", tmp_path / "one")
    assert (tmp_path / "one").read_text() == "content"
    assert json.loads(run("list", "--json"))[0]["files"] == 3


def test_files_here_are_replaced_by_force_alone(volumes: SmallVolumes, tmp_path: Path) -> None:
    run("create", "v")
    volumes.add("v", b"file", b"new")
    (tmp_path / "file").write_text("old")
    assert "--force" in refused("get", "v", "file", tmp_path)
    assert (tmp_path / "file").read_text() == "old"
    run("get", "v", "file", tmp_path, "--force")
    assert (tmp_path / "file").read_text() == "new"
    assert "force=True" in refused("put", "v", tmp_path / "file")
    run("put", "v", tmp_path / "file", "--force")


def test_nothing_is_written_outside_the_directory(volumes: SmallVolumes, tmp_path: Path) -> None:
    run("create", "v")
    outside = tmp_path / "outside"
    outside.mkdir()
    target = tmp_path / "inside"
    target.mkdir()
    for name in (b"../outside/file", b"/outside/file", b"a/../../outside/file", b"a//b"):
        volumes.trees["vo-1"].clear()
        volumes.add("v", name, b"bad")
        assert "is not written" in refused("get", "v", "/", target)
    # A link that lies there, from an earlier download or from somebody else, leads nowhere.
    volumes.trees["vo-1"].clear()
    (target / "link").symlink_to(outside)
    volumes.add("v", b"link", mode=stat.S_IFDIR | 0o755)
    volumes.add("v", b"link/file", b"bad")
    assert "is no directory that can be written to" in refused("get", "v", "/", target)
    volumes.trees["vo-1"].clear()
    (target / "file").symlink_to(outside / "file")
    volumes.add("v", b"file", b"good")
    run("get", "v", "/", target, "--force")
    assert (target / "file").read_text() == "good"
    assert not (target / "file").is_symlink()
    assert list(outside.iterdir()) == []


def test_links_come_as_links(volumes: SmallVolumes, tmp_path: Path) -> None:
    run("create", "v")
    volumes.add("v", b"link", mode=stat.S_IFLNK | 0o777, target="L2V0Yw==", size=4)
    run("get", "v", "/", tmp_path / "out")
    assert (tmp_path / "out/link").is_symlink()


def test_paths_are_printed_as_text(volumes: SmallVolumes) -> None:
    run("create", "v")
    volumes.add("v", b"evil\x1b[2J", b"x")
    assert "\x1b" not in run("ls", "v")


def test_files_are_copied_and_removed(volumes: SmallVolumes) -> None:
    run("create", "v")
    volumes.add("v", b"a", b"x")
    run("cp", "v", "a", "b")
    run("rm", "v", "a")
    assert volumes.paths("v") == ["b"]
    assert "There is no /a" in refused("rm", "v", "a")
    assert "recursive" in refused("rm", "v", "/")
    run("rm", "-r", "v", "/")
    assert volumes.paths("v") == []


def test_volumes_are_renamed_and_deleted_when_that_is_meant(volumes: SmallVolumes) -> None:
    run("create", "v")
    assert "already" in refused("create", "v")
    run("rename", "v", "w")
    assert "--yes" in refused("delete", "w")
    assert run("delete", "w", "--yes") == "Deleted the volume w\n"
    assert "no volume 'w'" in refused("ls", "w")
