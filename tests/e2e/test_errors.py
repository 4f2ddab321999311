"""Bad input and faults: one sentence that says what to do, a failing status, nothing left."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import subprocess
from pathlib import Path
from typing import List

import pytest

from daemon import BURROWD, Daemon, Run


def assert_one_sentence(text: str, *words: str) -> None:
    """`text` is one line without a traceback, and holds every word."""
    lines = [line for line in text.splitlines() if line.strip()]
    assert len(lines) == 1, text
    for word in words:
        assert word in lines[0], text


TRACEBACK = "Traceback (most recent call last):"


def assert_error(ended: "subprocess.CompletedProcess[str]", *words: str) -> None:
    """A call failed by a sentence, which holds every word, below the user's own frames and no others."""
    assert ended.returncode == 1
    first, *frames, last = ended.stderr.splitlines()
    assert first == TRACEBACK and ended.stderr.count(TRACEBACK) == 1, ended.stderr
    files = [line for line in frames if line.startswith("  File ")]
    assert files and all("the_app.py" in line for line in files), ended.stderr
    assert_one_sentence(last, "burrow.exception.", *words)


def test_a_module_that_does_not_import_in_the_container_is_explained(run: Run) -> None:
    code = """
    import os
    if os.environ.get("BURROW_CONTAINER_ID"): import no_such_module
    @app.function()
    def f(): pass
    """
    assert_error(run(code, "f.remote()"), "no_such_module", "apt_install")


@pytest.mark.parametrize(
    "argument, named",
    [
        ("threading.Lock()", "argument 1 of f(), a _thread.lock, cannot be pickled"),
        ("x={'a': threading.Lock()}", "argument x of f(), a dict, cannot be pickled"),
    ],
)
def test_an_argument_that_does_not_pickle_is_named_with_its_type(
    run: Run, argument: str, named: str
) -> None:
    ended = run("@app.function()\ndef f(x): pass", "import threading\nf.remote(%s)" % argument)
    assert ended.returncode == 1
    assert_one_sentence(ended.stderr.splitlines()[-1], named, "pass plain data")
    frames = [line for line in ended.stderr.splitlines() if line.startswith("  File ")]
    assert len(frames) == 1 and "the_app.py" in frames[0], ended.stderr


def test_a_result_that_does_not_pickle_is_explained(run: Run) -> None:
    code = "@app.function()\ndef f():\n    import threading\n    return threading.Lock()"
    assert_error(run(code, "f.remote()"), "the value that the function returned cannot be pickled")


def test_a_container_out_of_memory_is_said_to_be_that(run: Run) -> None:
    code = "@app.function(memory=128)\ndef f():\n    return len(bytearray(1 << 30))"
    assert_error(run(code, "f.remote()"), "OutOfMemoryError", "memory")


@pytest.mark.parametrize(
    "prefix, nap", [("", "time.sleep(60)"), ("async ", "await asyncio.sleep(60)")]
)
def test_a_function_over_its_timeout_is_interrupted(run: Run, prefix: str, nap: str) -> None:
    code = f"import asyncio, time\n@app.function(timeout=1)\n{prefix}def f():\n    {nap}\n"
    assert_error(run(code, "f.remote()", deadline_s=30), "FunctionTimeoutError", "timeout")


def test_a_function_that_ignores_its_timeout_is_killed(run: Run) -> None:
    code = """
    @app.function(timeout=1)
    def f():
        while True:
            try:
                while True: pass
            except BaseException: pass
    """
    assert_error(run(code, "f.remote()", deadline_s=60), "FunctionTimeoutError")


@pytest.mark.parametrize("leave", ["os._exit(3)", "sys.exit(3)", "os.kill(os.getpid(), 9)"])
def test_a_function_that_exits_the_process_is_reported(run: Run, leave: str) -> None:
    code = f"import os, sys\n@app.function()\ndef f():\n    {leave}\n"
    if "kill" in leave:
        # The first process of a PID namespace cannot kill itself by signal.
        code = "import ctypes\n@app.function()\ndef f(): ctypes.string_at(1)\n"
    assert_error(run(code, "f.remote()"), "ContainerCrashedError")


def test_an_unknown_base_image_is_refused(run: Run) -> None:
    code = """
    image = burrow.Image((("base", ("no_such_base", None), None),))
    @app.function(image=image)
    def f(): pass
    """
    ended = run(code, "f.remote()")
    assert ended.returncode == 1 and TRACEBACK not in ended.stderr, ended.stderr
    lines = ended.stderr.splitlines()
    advice = lines.index(next(line for line in lines if line.startswith("This was build bd-")))
    assert_one_sentence(lines[advice - 1], "Error: ", "no_such_base", "use debian_slim")


def test_a_server_that_does_not_answer_is_named_with_the_way_to_start_it(
    daemon: Daemon, tmp_path: Path
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % unused.getsockname()[1]
        env = daemon.environment(BURROW_URL=url, BURROW_TOKEN="x")
        ended = daemon.burrow("ps", env=env, deadline_s=60)
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, url, "burrowd up")


def test_a_wrong_token_is_refused(daemon: Daemon) -> None:
    env = daemon.environment(BURROW_URL=daemon.url, BURROW_TOKEN="wrong")
    ended = daemon.burrow("ps", env=env)
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, "token")
    assert "wrong" not in daemon.tail()


def test_the_clients_configuration_is_for_its_owner_alone(daemon: Daemon) -> None:
    assert daemon.config.stat().st_mode & 0o777 == 0o600
    stored = json.loads(daemon.config.read_text())
    assert stored["url"] == daemon.url
    assert stored["token"] not in daemon.tail()


@pytest.mark.parametrize("exists", [False, True])
def test_a_burrowd_whose_port_is_taken_leaves_nothing_behind(tmp_path: Path, exists: bool) -> None:
    state = tmp_path / "below" / "state"
    if exists:
        state.mkdir(parents=True)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = "127.0.0.1:%d" % other.getsockname()[1]
        ended = up(Daemon(tmp_path, state).command(address))
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, "burrowd: cannot listen on " + address, "--listen")
    assert list(tmp_path.iterdir()) == ([tmp_path / "below"] if exists else [])
    assert not exists or list(state.iterdir()) == []


def test_a_second_burrowd_on_the_same_port_is_refused(daemon: Daemon, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "of-an-earlier-life").touch()
    address = daemon.url.rpartition("/")[2]
    ended = up(Daemon(tmp_path, tmp_path / "state").command(address))
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, "burrowd: cannot listen on " + address)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["up", "--no-such-option"], ["--no-such-option", "`burrowd up --help`"]),
        (["up", "--runtime", "docker"], ["docker", "crun", "`burrowd up --help`"]),
        (["up", "--cache-quota", "much"], ["--cache-quota", "`burrowd up --help`"]),
        (["up", "--listen", "nowhere"], ["nowhere", "HOST:PORT"]),
        (["worker"], ["--control", "`burrowd worker --help`"]),
        (["upp"], ["upp", "`burrowd --help`"]),
        ([], ["subcommand", "`burrowd --help`"]),
    ],
)
def test_a_wrong_command_line_of_burrowd_is_one_sentence(
    arguments: List[str], words: List[str]
) -> None:
    ended = up([BURROWD, *arguments])
    assert ended.returncode != 0 and ended.stdout == ""
    assert ended.stderr.startswith("burrowd: ")
    assert_one_sentence(ended.stderr, *words)


def test_a_second_burrowd_on_the_same_state_directory_is_refused(
    daemon: Daemon, tmp_path: Path
) -> None:
    ended = up(Daemon(tmp_path, daemon.state).command())
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, str(daemon.state))


def test_a_state_directory_of_a_newer_version_is_left_alone(
    own_daemon: Daemon, tmp_path: Path
) -> None:
    own_daemon.state = tmp_path / "newer"
    own_daemon.start()
    own_daemon.stop()
    databases = list(own_daemon.state.rglob("*.db")) + list(own_daemon.state.rglob("*.sqlite*"))
    assert databases, "the store is one SQLite file"
    with sqlite3.connect(databases[0]) as store:
        store.execute("PRAGMA user_version = 1000000")
    ended = up(own_daemon.command())
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, "newer")


def test_burrowd_refuses_to_start_without_root(tmp_path: Path) -> None:
    shutil.which("setpriv") or pytest.skip("dropping root needs setpriv")
    drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    ended = up(drop + Daemon(tmp_path, tmp_path / "state").command())
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, "root")


def test_burrowd_refuses_to_start_without_fuse(tmp_path: Path, without_fuse: List[str]) -> None:
    ended = up(without_fuse + Daemon(tmp_path, tmp_path / "state").command())
    assert ended.returncode != 0
    assert_one_sentence(ended.stderr, "/dev/fuse")


def up(command: List[str]) -> "subprocess.CompletedProcess[str]":
    """Runs a burrowd that must not come up."""
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        timeout=60,
    )
