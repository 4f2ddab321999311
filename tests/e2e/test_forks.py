"""Containers that start as forks of a warmed process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest

from daemon import Daemon, Run
from leftovers import check_removed, traces

MODEL = """
import os, socket, threading

@app.function()
def double(x):
    return 2 * x

@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class Model:
    @burrow.enter(snap=True)
    def load(self):
        print("loads")
        with open("/root/left", "w") as file:
            file.write("by the import")

    @burrow.enter()
    def connect(self):
        self.thread = threading.Thread(target=print, args=("connects",))
        self.thread.start()
        self.thread.join()

    @burrow.method()
    def ask(self, x):
        with open("/root/left", "a") as file:
            file.write(" and %d" % x)
        return {
            "pid": os.getpid(),
            "left": open("/root/left").read(),
            "double": double.remote(x),
            "container": os.environ["BURROW_CONTAINER_ID"],
            "links": sorted(os.listdir("/sys/class/net")),
            "status": open("/proc/self/status").read(),
            "mounts": os.system("mount -t tmpfs none /mnt 2>/dev/null"),
        }
"""
# Until one container was a fork, and two more.
ASK = """
import json
forked = 0
for x in range(60):
    answer = Model().ask.remote(x)
    forked += answer["pid"] != 1
    answer["x"] = x
    print(json.dumps(answer), flush=True)
    if forked == 3:
        break
"""


def answers(stdout: str) -> "List[Dict[str, Any]]":
    return [json.loads(line) for line in stdout.splitlines() if line.startswith("{")]


def capabilities(status: str) -> "Dict[str, str]":
    lines = (line.split(":\t", 1) for line in status.splitlines() if line.startswith("Cap"))
    return {name: value for name, value in lines}


def field(status: str, name: str) -> str:
    return next(line.split(":\t", 1)[1] for line in status.splitlines() if line.startswith(name))


def test_forks_have_what_the_import_made_and_are_containers_of_their_own(run: Run) -> None:
    done = run(MODEL, ASK)
    assert done.returncode == 0, done.stderr
    every = answers(done.stdout)
    first, forks = every[0], [one for one in every if one["pid"] != 1]
    assert first["pid"] == 1 and len(forks) == 3
    for one in every:
        assert one["left"] == "by the import and %d" % one["x"]
        assert one["double"] == 2 * one["x"]
        assert one["links"] == first["links"] == ["eth0", "lo"]
        assert one["mounts"] != 0
        for name in ("NoNewPrivs", "Seccomp", "Uid", "Gid"):
            assert field(one["status"], name) == field(first["status"], name)
        assert capabilities(one["status"]) == capabilities(first["status"])
    assert len({one["container"] for one in every}) == len(every)
    fresh = len(every) - len(forks)
    assert done.stdout.count("loads\n") == fresh
    assert done.stdout.count("connects\n") == len(every)


def test_the_waterfall_says_why_a_container_was_not_forked(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    code = """
    import threading, time
    threading.Thread(target=time.sleep, args=(1000,), daemon=True, name="watcher").start()
    @app.function(enable_memory_snapshot=True, single_use_containers=True)
    def f():
        return 1
    """
    path = write_app(code, main="print(f.remote())")
    for _ in range(60):
        done = daemon.burrow("run", "--timing", path, cwd=tmp_path)
        assert done.stdout == "1\n", done.stderr
        assert "not forked: " in done.stderr
        if "1 thread runs after the import (watcher)" in done.stderr:
            return
    pytest.fail("it never said that a thread runs:\n" + done.stderr)


def test_forks_know_of_a_volume_what_it_holds_when_they_start(run: Run) -> None:
    code = """
    import os
    volume = burrow.Volume.from_name("read-by-an-import", create_if_missing=True)

    @app.function(volumes={"/weights": volume})
    def put(text):
        open("/weights/model", "w").write(text)
        volume.commit()

    @app.cls(enable_memory_snapshot=True, single_use_containers=True, volumes={"/weights": volume})
    class Model:
        @burrow.enter(snap=True)
        def load(self):
            self.loaded = open("/weights/model").read()

        @burrow.method()
        def ask(self):
            return os.getpid() != 1, self.loaded, open("/weights/model").read()
    """
    main = """
    for text in ("one", "two"):
        put.remote(text)
        for _ in range(60):
            forked, *read = Model().ask.remote()
            assert read == [text, text], read
            if forked:
                print("forked with", text)
                break
    """
    done = run(code, main)
    assert done.stdout == "forked with one\nforked with two\n", done.stderr


@pytest.mark.parametrize("stop", ["kill", "kill_parent"])
def test_a_killed_burrowd_leaves_neither_templates_nor_forks(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, stop: str
) -> None:
    own_daemon.start()
    code = """
    import os, time
    @app.function(enable_memory_snapshot=True, single_use_containers=True)
    def pid():
        return os.getpid()
    @app.function(enable_memory_snapshot=True)
    def stay():
        time.sleep(1000)
    """
    main = """
    for _ in range(60):
        if pid.remote() != 1:
            break
    stay.spawn()
    print("forked", flush=True)
    stay.remote()
    """
    running = own_daemon.popen("run", write_app(code, main=main), cwd=tmp_path)
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "forked\n"
        before = traces(own_daemon.state)
        getattr(own_daemon, stop)()
    finally:
        running.kill()
        running.communicate(timeout=30)
    own_daemon.start()
    check_removed(before, own_daemon.state)
    after = write_app("@app.function()\ndef one(): return 1", main="print(one.remote())")
    assert own_daemon.burrow("run", after, cwd=tmp_path).stdout == "1\n"


def test_a_command_runs_in_a_container_that_was_forked(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    code = """
    import os, time
    open("/root/left", "w").write("by the import")
    @app.function(enable_memory_snapshot=True, single_use_containers=True)
    def stay(seconds):
        if seconds:  # lines of earlier calls may come later than what this side prints
            print(os.getpid(), os.environ["BURROW_CONTAINER_ID"], flush=True)
        time.sleep(seconds)
        return os.getpid()
    """
    main = """
    for _ in range(60):
        if stay.remote(0) != 1:
            break
    print("forked", flush=True)
    stay.remote(1000)
    """
    running = daemon.popen("run", write_app(code, main=main), cwd=tmp_path)
    try:
        assert running.stdout is not None
        assert "forked\n" in running.stdout
        pid, container = running.stdout.readline().split()
        script = "cat /root/left; tr '\\0' ' ' < /proc/1/cmdline"
        done = daemon.burrow("exec", container, "--", "sh", "-c", script)
    finally:
        running.kill()
        running.communicate(timeout=30)
    assert pid != "1"
    assert done.stdout.startswith("by the importpython3 -I -S"), done.stderr
