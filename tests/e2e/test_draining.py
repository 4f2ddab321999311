"""burrowd is stopped while functions run: what runs ends first, what waits is kept."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Callable

from daemon import Daemon, wait_until
from test_lifecycle import get

APP = """
import os, time
@app.function()
def inner(x):
    return x + 1

@app.function(max_containers=1, timeout=120)
def outer(seconds):
    print("asleep", flush=True)
    time.sleep(seconds)
    return inner.remote(41)
"""
MAIN = """
running = outer.spawn(3)
waiting = outer.spawn(0)
print(waiting.object_id, flush=True)
print(running.get(), flush=True)
os._exit(0)
"""


def test_calls_that_run_end_first_with_all_that_they_call_and_the_rest_is_kept(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.options = ["--drain", "60"]
    own_daemon.start()
    client = own_daemon.popen("run", write_app(APP, name="drained", main=MAIN), cwd=tmp_path)
    assert client.stdout is not None
    words = [client.stdout.readline().strip() for _ in range(2)]
    assert "asleep" in words
    assert own_daemon.stop() == 0
    out, err = client.communicate(timeout=60)
    assert "42" in out.split(), err
    assert "running calls: 1;" in own_daemon.tail()
    own_daemon.start()
    waiting = next(word for word in words + out.split() if word.startswith("fc-"))
    fetched = get(own_daemon, waiting)
    assert fetched.stdout == "42\n", fetched.stderr


def test_a_second_ctrl_c_hurries(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.options = ["--drain", "3600"]
    own_daemon.start()
    main = "outer.remote(1000)"
    client = own_daemon.popen("run", write_app(APP, name="hurried", main=main), cwd=tmp_path)
    assert client.stdout is not None and own_daemon.process is not None
    assert client.stdout.readline() == "asleep\n"
    os.killpg(own_daemon.process.pid, signal.SIGINT)
    wait_until(lambda: "waiting until they have ended" in own_daemon.tail(), "it waits")
    assert own_daemon.process.poll() is None
    os.killpg(own_daemon.process.pid, signal.SIGINT)
    try:
        assert own_daemon.process.wait(30) == 0
    finally:
        client.kill()
        client.communicate(timeout=30)


def test_no_wait_can_be_asked_for(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    own_daemon.options = ["--drain", "0"]
    own_daemon.start()
    main = "outer.remote(1000)"
    client = own_daemon.popen("run", write_app(APP, name="at-once", main=main), cwd=tmp_path)
    try:
        assert client.stdout is not None
        assert client.stdout.readline() == "asleep\n"
        assert own_daemon.stop() == 0
    finally:
        client.kill()
        client.communicate(timeout=30)
    assert "waiting until" not in own_daemon.tail()
