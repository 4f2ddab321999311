"""What shells, build steps and templates take of what a workspace may have."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from daemon import BURROW, COMMAND_DEADLINE_S, Daemon
from workspaces import Environment

OTHER = "e2e-room"
FULL = "waiting for room: the workspace 'e2e-room' has the 1 container that it may"
# Each stage of it fails where the other one runs beside it.
STAGES = """FROM debian_slim AS a
RUN %(mount)s mkdir /c/busy && echo a > /a && sleep 0.2 && rmdir /c/busy
FROM debian_slim AS b
RUN %(mount)s mkdir /c/busy && echo b > /b && sleep 0.2 && rmdir /c/busy
FROM debian_slim
COPY --from=a /a /a
COPY --from=b /b /b
"""
FORKED = """
import os
@app.function(enable_memory_snapshot=True, single_use_containers=True)
def pid():
    return os.getpid()
"""


@contextmanager
def open_shell(env: Environment, what: str) -> "Iterator[subprocess.Popen[str]]":
    """A shell that says "open" once it runs, and ends with its input."""
    shell = subprocess.Popen(
        [BURROW, "shell", what, "--", "sh", "-c", "echo open; cat"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )
    try:
        yield shell
    finally:
        shell.kill()
        shell.communicate(timeout=COMMAND_DEADLINE_S)


def says_open(shell: "subprocess.Popen[str]") -> bool:
    assert shell.stdout is not None
    return shell.stdout.readline() == "open\n"


def end(shell: "subprocess.Popen[str]") -> int:
    shell.communicate(timeout=COMMAND_DEADLINE_S)
    return shell.returncode


def make_image(daemon: Daemon, env: Environment, directory: Path) -> None:
    (directory / "Dockerfile").write_text("FROM debian_slim\nENV MADE=1\n")
    built = daemon.burrow("build", str(directory), "-t", "e2e-room", env=env)
    assert built.returncode == 0, built.stderr


def test_a_shell_waits_until_its_workspace_has_room(
    daemon: Daemon, workspace: Callable[..., Environment], tmp_path: Path
) -> None:
    env = workspace(OTHER, "--max-containers", "1")
    make_image(daemon, env, tmp_path)
    with open_shell(env, "e2e-room") as first:
        assert says_open(first)
        with open_shell(env, "e2e-room") as second:
            assert second.stderr is not None
            assert FULL in second.stderr.readline()
            assert end(first) == 0
            assert says_open(second)
            assert end(second) == 0


def test_the_steps_of_a_build_go_one_after_another_where_there_is_room_for_one(
    daemon: Daemon, workspace: Callable[..., Environment], tmp_path: Path
) -> None:
    env = workspace(OTHER, "--max-containers", "1")
    make_image(daemon, env, tmp_path)
    mount = "--mount=type=cache,id=%s,target=/c" % tmp_path.name
    (tmp_path / "Dockerfile").write_text(STAGES % {"mount": mount})
    with open_shell(env, "e2e-room") as shell:
        assert says_open(shell)
        building = subprocess.Popen(
            [BURROW, "build", str(tmp_path), "-t", "e2e-stages"],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=env,
        )
        assert building.stderr is not None
        printed = ""
        for line in building.stderr:
            printed += line
            if FULL in line:
                break
        assert FULL in printed
        assert end(shell) == 0
    printed += building.communicate(timeout=COMMAND_DEADLINE_S)[1]
    assert building.returncode == 0, printed
    shown = daemon.burrow("shell", "e2e-stages", "--", "cat", "/a", "/b", env=env)
    assert shown.stdout == "a\nb\n", shown.stderr


def test_a_template_is_given_up_where_its_workspace_needs_the_room(
    daemon: Daemon, workspace: Callable[..., Environment], write_app: Callable[..., str]
) -> None:
    env = workspace(OTHER, "--max-containers", "2")
    deployed = daemon.burrow("deploy", write_app(FORKED, name="e2e-forked"), env=env)
    assert deployed.returncode == 0, deployed.stderr

    def pid() -> str:
        called = daemon.burrow("call", "e2e-forked", "pid", env=env)
        assert called.returncode == 0, called.stderr
        return called.stdout.strip()

    assert any(pid() != "1" for _ in range(60)), "it was never forked"
    with open_shell(env, "e2e-forked::pid") as shell:
        assert says_open(shell)
        assert pid() == "1", "what it would have been forked from made room for it"
        assert end(shell) == 0


def test_nothing_is_forked_where_the_workspace_has_room_for_one_container(
    daemon: Daemon, workspace: Callable[..., Environment], write_app: Callable[..., str]
) -> None:
    env = workspace(OTHER, "--max-containers", "1")
    deployed = daemon.burrow("deploy", write_app(FORKED, name="e2e-forked"), env=env)
    assert deployed.returncode == 0, deployed.stderr
    for _ in range(4):
        called = daemon.burrow("call", "e2e-forked", "pid", env=env)
        assert called.stdout == "1\n", called.stderr
