"""Volumes on a real server: what containers write, who sees it when, and what outlives whom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable, Iterator

import pytest

from daemon import Daemon, Run, wait_until

WRITE_AND_READ = """
import os, pathlib
volume = burrow.Volume.from_name("%s", create_if_missing=True)

@app.function(volumes={"/data": volume}, single_use_containers=True)
def write(name: str, text: str):
    path = pathlib.Path("/data") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)

@app.function(volumes={"/data": volume}, single_use_containers=True)
def write_and_commit(name: str, text: str):
    (pathlib.Path("/data") / name).write_text(text)
    volume.commit()

@app.function(volumes={"/data": volume}, single_use_containers=True)
def read(name: str):
    path = pathlib.Path("/data") / name
    return path.read_text() if path.exists() else None
"""


@pytest.fixture
def name(daemon: Daemon) -> Iterator[str]:
    """Of a volume that is not there, before the test and after it."""
    name = "e2e-volume"
    daemon.burrow("volume", "delete", name, "--yes")
    yield name
    wait_until(lambda: gone(daemon, name), "nobody has the volume any more")


def gone(daemon: Daemon, name: str) -> bool:
    done = daemon.burrow("volume", "delete", name, "--yes")
    return done.returncode == 0 or "there is no volume" in done.stderr


def paths(daemon: Daemon, name: str) -> "list[str]":
    listed = daemon.burrow("volume", "ls", name, "--json")
    assert listed.returncode == 0, listed.stderr
    return [entry["path"] for entry in json.loads(listed.stdout)]


def content(daemon: Daemon, name: str, path: str) -> str:
    got = daemon.burrow("volume", "get", name, path, "-")
    assert got.returncode == 0, got.stderr
    return got.stdout


def test_what_one_function_commits_another_one_reads(run: Run, name: str) -> None:
    done = run(
        WRITE_AND_READ % name,
        """
        write_and_commit.remote("file", "from one to the other")
        print(read.remote("file"))
        """,
    )
    assert done.stdout == "from one to the other\n", done.stderr


def test_what_a_container_wrote_is_committed_when_it_ends(
    run: Run, daemon: Daemon, name: str
) -> None:
    done = run(WRITE_AND_READ % name, 'write.remote("deep/file", "kept")')
    assert done.returncode == 0, done.stderr
    wait_until(lambda: "deep" in paths(daemon, name), "the last commit is in the volume")
    assert content(daemon, name, "deep/file") == "kept"


def test_a_container_sees_what_others_committed_after_a_reload(run: Run, name: str) -> None:
    code = (
        WRITE_AND_READ % name
        + """
@app.cls(volumes={"/data": volume}, max_containers=1)
class Watcher:
    @burrow.method()
    def read(self, reload: bool):
        if reload:
            volume.reload()
        path = pathlib.Path("/data/file")
        return path.read_text() if path.exists() else None
"""
    )
    done = run(
        code,
        """
        watcher = Watcher()
        print(watcher.read.remote(False))
        write_and_commit.remote("file", "new")
        print(watcher.read.remote(False))
        print(watcher.read.remote(True))
        """,
    )
    assert done.stdout == "None\nNone\nnew\n", done.stderr


def test_an_open_file_keeps_a_volume_from_being_reloaded(run: Run, name: str) -> None:
    code = (
        WRITE_AND_READ % name
        + """
@app.function(volumes={"/data": volume})
def reload_with_an_open_file():
    with open("/data/file", "w") as file:
        try:
            volume.reload()
        except burrow.Error as error:
            return "refused: " + str(error)
    volume.reload()
    return "reloaded"
"""
    )
    done = run(code, "print(reload_with_an_open_file.remote())")
    assert done.stdout.startswith("refused: "), done.stderr


def test_of_two_writers_of_different_files_both_are_kept(
    run: Run, daemon: Daemon, name: str
) -> None:
    done = run(
        WRITE_AND_READ % name,
        'list(write_and_commit.starmap([("%d" % i, "text %d" % i) for i in range(4)]))',
    )
    assert done.returncode == 0, done.stderr
    assert paths(daemon, name) == ["0", "1", "2", "3"]
    assert content(daemon, name, "2") == "text 2"


def test_files_that_are_removed_in_a_container_are_gone(
    run: Run, daemon: Daemon, name: str, tmp_path: Path
) -> None:
    (tmp_path / "local").mkdir()
    for file in ("kept", "removed"):
        (tmp_path / "local" / file).write_text(file)
    assert daemon.burrow("volume", "create", name).returncode == 0
    assert daemon.burrow("volume", "put", name, str(tmp_path / "local"), "/").returncode == 0
    code = (
        WRITE_AND_READ % name
        + """
@app.function(volumes={"/data": volume})
def remove():
    os.unlink("/data/removed")
    volume.commit()
"""
    )
    done = run(code, "remove.remote()")
    assert done.returncode == 0, done.stderr
    assert paths(daemon, name) == ["kept"]


def test_a_read_only_volume_refuses_writes(run: Run, daemon: Daemon, name: str) -> None:
    assert daemon.burrow("volume", "create", name).returncode == 0
    code = """
    volume = burrow.Volume.from_name("%s").read_only()

    @app.function(volumes={"/data": volume})
    def write():
        try:
            open("/data/file", "w")
        except OSError as error:
            return error.strerror
    """
    done = run(code % name, "print(write.remote())")
    assert done.stdout == "Read-only file system\n", done.stderr
    assert paths(daemon, name) == []


def test_what_run_function_writes_into_a_volume_is_no_part_of_the_image(
    run: Run, daemon: Daemon, name: str
) -> None:
    code = """
    import os
    volume = burrow.Volume.from_name("%s", create_if_missing=True)

    def fill():
        open("/weights/model", "w").write("weights")
        open("/in-the-image", "w").write("image")

    image = burrow.Image.debian_slim().run_function(fill, volumes={"/weights": volume})

    @app.function(image=image)
    def look():
        return sorted(os.listdir("/weights")) if os.path.exists("/weights") else [], open("/in-the-image").read()
    """
    done = run(code % name, "print(look.remote())", deadline_s=300)
    assert done.stdout == "([], 'image')\n", done.stderr
    assert content(daemon, name, "model") == "weights"


def test_files_go_from_the_command_line_into_a_volume_and_back(
    daemon: Daemon, name: str, tmp_path: Path
) -> None:
    local = tmp_path / "local"
    (local / "sub").mkdir(parents=True)
    (local / "small").write_bytes(b"small")
    (local / "sub/large").write_bytes(bytes(range(256)) * 40_000)
    for arguments in (
        ("create", name),
        ("put", name, str(local), "/data"),
        ("cp", name, "/data/small", "/copy"),
        ("rm", name, "/data/small"),
        ("get", name, "/", str(tmp_path / "back")),
    ):
        done = daemon.burrow("volume", *arguments)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "back/copy").read_bytes() == b"small"
    assert (tmp_path / "back/data/sub/large").read_bytes() == (local / "sub/large").read_bytes()
    assert not (tmp_path / "back/data/small").exists()
    listed = daemon.burrow("volume", "list", "--json")
    (info,) = [one for one in json.loads(listed.stdout) if one["name"] == name]
    assert (info["files"], info["bytes"]) == (2, 5 + 256 * 40_000)


def test_a_volume_is_used_inside_a_function_as_the_sdk_does(run: Run, name: str) -> None:
    code = """
    import io
    volume = burrow.Volume.from_name("%s", create_if_missing=True)

    @app.function()
    def use():
        with volume.batch_upload() as batch:
            for i in range(5):
                batch.put_file(io.BytesIO(b"%%d" %% i), "/uploaded/%%d" %% i)
        entries = [entry.path for entry in volume.listdir("/uploaded")]
        return entries, b"".join(volume.read_file("/uploaded/3"))
    """
    done = run(code % name, "print(use.remote())")
    expected = ["uploaded/%d" % i for i in range(5)], b"3"
    assert done.stdout == "%r\n" % (expected,), done.stderr


def test_a_volume_that_a_deployed_function_has_is_not_deleted(
    daemon: Daemon, write_app: Callable[..., str], name: str
) -> None:
    path = write_app(WRITE_AND_READ % name, name="e2e-volumes")
    deployed = daemon.burrow("deploy", path)
    assert deployed.returncode == 0, deployed.stderr
    refused = daemon.burrow("volume", "delete", name, "--yes")
    assert refused.returncode == 1
    assert "of the running app e2e-volumes" in refused.stderr
    assert daemon.burrow("app", "stop", "e2e-volumes").returncode == 0


def test_a_shell_as_a_function_has_its_volumes_and_leaves_what_it_wrote(
    daemon: Daemon, write_app: Callable[..., str], name: str
) -> None:
    path = write_app(WRITE_AND_READ % name, name="e2e-volumes")
    assert daemon.burrow("deploy", path).returncode == 0
    try:
        shell = ["shell", "e2e-volumes::write", "--", "sh", "-c"]
        first = daemon.burrow(*shell, "echo from a shell > /data/note; cat /data/note")
        assert (first.returncode, first.stdout) == (0, "from a shell\n"), first.stderr
        assert content(daemon, name, "/note") == "from a shell\n"
        second = daemon.burrow(*shell, "cat /data/note; rm /data/note; exit 3")
        assert (second.returncode, second.stdout) == (3, "from a shell\n"), second.stderr
        assert paths(daemon, name) == []
    finally:
        daemon.burrow("app", "stop", "e2e-volumes")


def test_a_workspace_has_no_more_in_volumes_than_it_may(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    env = of_workspace(daemon, "e2e-small", "--max-storage", "1")
    image = tmp_path / "image"
    image.mkdir()
    (image / "file").write_bytes(b"z" * 500_000)
    (image / "copy").write_bytes(b"z" * 500_000)
    try:
        assert daemon.burrow("volume", "create", "v", env=env).returncode == 0
        (tmp_path / "fits").write_bytes(b"x" * 1_000_000)
        (tmp_path / "too-large").write_bytes(b"y" * 1_000_000)
        put = daemon.burrow("volume", "put", "v", str(tmp_path / "fits"), env=env)
        assert put.returncode == 0, put.stderr
        refused = daemon.burrow("volume", "put", "v", str(tmp_path / "too-large"), env=env)
        assert refused.returncode == 1
        assert "would hold 1.9 MiB, and may hold 1" in refused.stderr
        too_much = daemon.burrow("image", "import", str(image), env=env)
        assert too_much.returncode == 1
        assert "would hold 1.4 MiB, and may hold 1" in too_much.stderr
        daemon.burrow("workspace", "update", "e2e-small", "--max-storage", "2")
        assert daemon.burrow("image", "import", str(image), env=env).returncode == 0
        refused = daemon.burrow("volume", "put", "v", str(tmp_path / "too-large"), env=env)
        assert "would hold 2.4 MiB, and may hold 2" in refused.stderr
        (line,) = daemon.burrow("image", "ls", env=env).stdout.splitlines()[1:]
        assert daemon.burrow("image", "rm", line.split()[0], env=env).returncode == 0
        daemon.burrow("workspace", "update", "e2e-small", "--max-storage", "1")
        listed = daemon.burrow("workspace", "list").stdout
        (line,) = [line for line in listed.splitlines() if line.startswith("e2e-small")]
        assert "1 of 1" in line
        assert daemon.burrow("volume", "ls", "v", env=env).stdout.count("\n") == 2
    finally:
        drop_workspace(daemon, "e2e-small")


def of_workspace(daemon: Daemon, workspace: str, *options: str) -> "dict[str, str]":
    drop_workspace(daemon, workspace)
    created = daemon.burrow("workspace", "create", workspace, *options)
    assert created.returncode == 0, created.stderr
    made = daemon.burrow("token", "create", "of-" + workspace, "--workspace", workspace)
    return daemon.environment(BURROW_TOKEN=made.stdout.strip())


def drop_workspace(daemon: Daemon, workspace: str) -> None:
    if workspace in daemon.burrow("workspace", "list").stdout.split():
        daemon.burrow("token", "revoke", "of-" + workspace)
        deleted = daemon.burrow("workspace", "delete", workspace)
        assert deleted.returncode == 0, deleted.stderr


def test_a_crash_of_the_server_loses_nothing_that_was_committed(
    own_daemon: Daemon, write_app: Callable[..., str]
) -> None:
    name = "e2e-crash"
    own_daemon.start()
    own_daemon.burrow("volume", "delete", name, "--yes")
    path = write_app(WRITE_AND_READ % name, main='write_and_commit.remote("file", "committed")')
    done = own_daemon.burrow("run", path)
    assert done.returncode == 0, done.stderr
    own_daemon.kill()
    own_daemon.start()
    path = write_app(WRITE_AND_READ % name, main='print(read.remote("file"))')
    done = own_daemon.burrow("run", path)
    assert done.stdout == "committed\n", done.stderr
    wait_until(lambda: gone(own_daemon, name), "nobody has the volume any more")
