"""Apps, calls and containers end when they should, and survive what they should."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Callable

import pytest

from daemon import Daemon, Run, wait_until
from leftovers import (
    address_translations,
    cgroups,
    check_nothing_left,
    check_removed,
    mounts_under,
    network_links,
    processes_with,
    traces,
)

SLEEPER = """
import os, sys, time
@app.function(timeout=120)
def sleeper(seconds):
    print("asleep")
    time.sleep(seconds)
    return "rested"
"""
# Leaves as a killed client does: without a word to the server.
SPAWN = "call = sleeper.spawn(%s)\nprint(call.object_id, flush=True)\nos._exit(0)"


def client(daemon: Daemon, code: str) -> "subprocess.CompletedProcess[str]":
    """Runs a Python program that is a client of its own."""
    return subprocess.run(
        [os.environ.get("BURROW_PYTHON", sys.executable), "-c", textwrap.dedent(code)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=daemon.environment(),
        timeout=120,
    )


def get(daemon: Daemon, call_id: str) -> "subprocess.CompletedProcess[str]":
    code = "import burrow; print(burrow.FunctionCall.from_id(%r).get(timeout=60))"
    return client(daemon, code % call_id)


def test_a_spawned_call_is_fetched_by_a_second_process(daemon: Daemon, run: Run) -> None:
    spawned = run(SLEEPER, SPAWN % "1")
    assert spawned.returncode == 0, spawned.stderr
    fetched = get(daemon, spawned.stdout.split()[0])
    assert fetched.stdout == "rested\n", fetched.stderr


def test_a_cancelled_call_ends_and_says_so(run: Run) -> None:
    ended = run(
        SLEEPER,
        """
        call = sleeper.spawn(100)
        time.sleep(1)
        call.cancel()
        try:
            call.get(timeout=30)
        except burrow.exception.CancelledError:
            print("cancelled")
        print(sleeper.remote(0))
        """,
    )
    assert ended.stdout.replace("asleep\n", "") == "cancelled\nrested\n", ended.stderr


def test_ctrl_c_stops_the_app_and_its_containers(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    path = write_app(SLEEPER, name="interrupted", main="sleeper.remote(100)")
    running = daemon.popen("run", path, cwd=tmp_path)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "asleep\n"
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=30)
    finally:
        if running.poll() is None:
            running.kill()
    assert running.returncode == 130
    assert "stopped" in err.lower()
    assert "Traceback" not in err
    assert "interrupted" not in daemon.burrow("app", "ls").stdout
    wait_until(lambda: "interrupted" not in daemon.burrow("ps").stdout, "its containers are gone")


def test_an_app_whose_client_was_killed_is_stopped(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    path = write_app(SLEEPER, name="abandoned", main="sleeper.remote(100)")
    running = daemon.popen("run", path, cwd=tmp_path)
    assert running.stdout is not None
    assert running.stdout.readline() == "asleep\n"
    running.kill()
    running.communicate(timeout=30)
    wait_until(lambda: "abandoned" not in daemon.burrow("app", "ls").stdout, "it is stopped", 60)


def test_idle_containers_are_stopped_after_the_scaledown_window(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    code = "@app.function(scaledown_window=1)\ndef f(): return 1"
    main = "import sys\nprint(f.remote(), flush=True)\nsys.stdin.read()"
    path = write_app(code, name="scaled", main=main)
    held, hold = os.pipe()
    running = subprocess.Popen(
        [str(Path(__file__).resolve().parents[2] / "bin" / "burrow"), "run", path],
        stdin=held,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=daemon.environment(),
        cwd=tmp_path,
    )
    os.close(held)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == b"1\n"
        wait_until(lambda: "scaled" not in daemon.burrow("ps").stdout, "no container is left")
        assert "scaled" in daemon.burrow("app", "ls").stdout
    finally:
        os.close(hold)
        running.wait(30)


def test_a_stopped_burrowd_leaves_nothing_behind(own_daemon: Daemon) -> None:
    own_daemon.start()
    state = own_daemon.state
    looks = (mounts_under, cgroups, network_links, address_translations)
    assert [
        look.__name__ for look in looks if not look(state)
    ] == []  # it can be seen while it is there
    assert processes_with(state, 0) != set()
    assert own_daemon.stop() == 0
    check_nothing_left(state)


def test_calls_images_and_apps_survive_a_kill(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.start()
    path = write_app(SLEEPER, name="survivor", main=SPAWN % "5")
    spawned = own_daemon.burrow("run", path, cwd=tmp_path)
    assert spawned.returncode == 0, spawned.stderr
    images = own_daemon.burrow("image", "ls").stdout
    own_daemon.kill()
    own_daemon.start()
    assert [line.split()[0] for line in own_daemon.burrow("image", "ls").stdout.splitlines()] == [
        line.split()[0] for line in images.splitlines()
    ]
    assert "survivor" in own_daemon.burrow("app", "ls").stdout
    fetched = get(own_daemon, spawned.stdout.split()[0])
    assert fetched.stdout == "rested\n", fetched.stderr


def test_a_killed_burrowd_starts_again_and_cleans_up(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.start()
    path = write_app(SLEEPER, name="cut_off", main="sleeper.remote(100)")
    running = own_daemon.popen("run", path, cwd=tmp_path)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "asleep\n"
        own_daemon.kill()
        left = traces(own_daemon.state)
    finally:
        running.kill()
        running.communicate(timeout=30)
    own_daemon.start()
    check_removed(left, own_daemon.state)
    code = "@app.function()\ndef one(): return 1"
    after = own_daemon.burrow("run", write_app(code, main="print(one.remote())"), cwd=tmp_path)
    assert after.stdout == "1\n", after.stderr


def test_burrowd_starts_while_what_a_killed_one_left_is_still_stopping(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.start()
    stubborn = """
    import time
    @app.function()
    def stay():
        print("here")
        while True:
            try:
                time.sleep(100)
            except BaseException:
                pass
    """
    path = write_app(textwrap.dedent(stubborn), name="stubborn", main="stay.remote()")
    running = own_daemon.popen("run", path, cwd=tmp_path)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "here\n"
        own_daemon.kill_parent()
    finally:
        running.kill()
        running.communicate(timeout=30)
    own_daemon.start()
    assert own_daemon.burrow("app", "ls").returncode == 0


def test_runc_runs_calls_too(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    if shutil.which("runc") is None:
        pytest.skip("there is no runc")
    own_daemon.options = ["--runtime", "runc"]
    own_daemon.start()
    code = "@app.function(memory=128)\ndef one(n): return len(bytearray(n))"
    main = "print(one.remote(1))\none.remote(1 << 30)"
    ended = own_daemon.burrow("run", write_app(code, main=main), cwd=tmp_path)
    assert ended.stdout == "1\n", ended.stderr
    assert "OutOfMemoryError" in ended.stderr


def test_ctrl_c_in_the_terminal_of_burrowd_ends_it_in_order(own_daemon: Daemon) -> None:
    own_daemon.start()
    assert own_daemon.process is not None
    os.killpg(own_daemon.process.pid, signal.SIGINT)  # as a terminal does
    assert own_daemon.stop() == 0
    assert " error " not in own_daemon.tail()


def test_a_build_goes_on_when_control_is_killed(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.start()
    assert own_daemon.process is not None
    code = """
    step = "sleep 3; echo %s > /made" % time.time_ns()
    @app.function(image=burrow.Image.debian_slim().run_commands(step))
    def made(): return open("/made").read().strip().isdigit()
    """
    path = write_app("import time\n" + textwrap.dedent(code), main="print(made.remote())")
    running = own_daemon.popen("run", path, cwd=tmp_path)
    assert running.stderr is not None
    assert "building image" in running.stderr.readline()
    children = subprocess.check_output(
        ["pgrep", "-P", str(own_daemon.process.pid), "-f", "burrowd control"], timeout=10
    )
    os.kill(int(children), signal.SIGKILL)
    out, err = running.communicate(timeout=60)
    assert out == "True\n", err


def test_a_part_that_dies_while_it_starts_again_is_started_once_more(own_daemon: Daemon) -> None:
    faults = own_daemon.directory / "faults"
    faults.write_text("")
    own_daemon.env["BURROW_FAULTS_FILE"] = str(faults)
    own_daemon.start()
    assert own_daemon.process is not None
    faults.write_text("control.starting=kill\n")
    children = subprocess.check_output(
        ["pgrep", "-P", str(own_daemon.process.pid), "-f", "burrowd control"], timeout=10
    )
    os.kill(int(children), signal.SIGKILL)
    wait_until(lambda: "could not be started again" in own_daemon.tail(), "its new one died")
    faults.write_text("")
    wait_until(lambda: own_daemon.burrow("app", "ls").returncode == 0, "it is back")
