"""Who serves images is killed while containers read: nobody loses a file, and the counters tell."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from pathlib import Path
from typing import Any, Callable, Dict

from daemon import Daemon, wait_until

READS = """
import glob, hashlib, time

def content():
    digest = hashlib.sha256()
    for name in sorted(glob.glob("/usr/lib/python3*/**/*.py", recursive=True)):
        with open(name, "rb") as file:
            digest.update(file.read())
    return digest.hexdigest()

@app.function()
def read():
    print("reading")
    first = content()
    for _ in range(20):
        assert content() == first
        time.sleep(0.05)
    return "read"
"""


def worker_of(daemon: Daemon) -> Dict[str, Any]:
    """What control knows of its only worker; empty while that is away."""
    token = json.loads(daemon.config.read_text())["token"]
    request = urllib.request.Request(
        daemon.url + "/burrow.v1.Containers/List",
        b"{}",
        {"Content-Type": "application/json", "Authorization": "Bearer " + token},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        workers: "list[Dict[str, Any]]" = json.load(response).get("workers", [])
    return workers[0] if workers else {}


def process_of(daemon: Daemon, command: str) -> int:
    """The pid of `burrowd COMMAND` below the daemon; 0 while there is none."""
    assert daemon.process is not None
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
            group = os.getpgid(int(name))
        except OSError:
            continue
        if group == daemon.process.pid and words[1:2] == [command.encode()]:
            return int(name)
    return 0


def test_containers_go_on_reading_when_imagefs_is_killed(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.start()
    running = own_daemon.popen("run", write_app(READS, main="print(read.remote())"), cwd=tmp_path)
    assert running.stdout is not None
    assert running.stdout.readline() == "reading\n"
    for kill in (1, 2):
        wait_until(lambda: process_of(own_daemon, "imagefs"), "imagefs serves")
        os.kill(process_of(own_daemon, "imagefs"), signal.SIGKILL)
        wait_until(
            lambda: int(worker_of(own_daemon).get("imagefs", {}).get("restarts", 0)) == kill,
            "the restart is counted",
        )
    printed, errors = running.communicate(timeout=120)
    assert printed == "read\n", errors
    told = worker_of(own_daemon)["imagefs"]
    assert told["tier"] in ("erofs", "fuse")
    assert int(told.get("failedReads", 0)) == 0
    faults = own_daemon.burrow("ps").stdout.splitlines()[-2:]
    assert faults[0].split()[-1] == "RESTARTS" and faults[1].split()[-1] == "2", faults


def test_a_killed_worker_comes_back_with_its_images(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.start()
    path = write_app(READS, main="print(read.remote())")
    ended = own_daemon.burrow("run", path, cwd=tmp_path, deadline_s=300)
    assert ended.stdout.endswith("read\n"), ended.stderr
    assert int(worker_of(own_daemon)["connections"]) == 1
    os.kill(process_of(own_daemon, "worker"), signal.SIGKILL)
    wait_until(
        lambda: int(worker_of(own_daemon).get("connections", 0)) == 2, "the worker is there again"
    )
    ended = own_daemon.burrow("run", path, cwd=tmp_path, deadline_s=300)
    assert ended.stdout.endswith("read\n"), ended.stderr
