"""Programs that are started by `python3`, run their app by themselves, and look at others."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Callable

from daemon import Daemon, wait_until

WriteApp = Callable[..., str]

SQUARES = """
@app.function(image=burrow.Image.debian_slim().run_commands("echo built at STARTED"))
def square(x):
    print("squaring", x, flush=True)
    return x * x

if __name__ == "__main__":
    with burrow.enable_output():
        with app.run():
            print(list(square.map([1, 2, 3])))
"""

DETACHED = """
@app.function(timeout=120)
def slow(seconds):
    import time
    time.sleep(seconds)
    return "slept"

if __name__ == "__main__":
    with app.run(detach=True):
        print(slow.spawn(4).object_id)
"""

LOOKED_UP = """
@app.function(scaledown_window=2)
def price(item):
    return len(item)

if __name__ == "__main__":
    made = burrow.App.lookup("own-empty", create_if_missing=True)
    print(made.app_id == burrow.App.lookup("own-empty").app_id)
    print(burrow.App.lookup("own-shop").app_id.startswith("ap-"))
    print(burrow.Function.from_name("own-shop", "price").hydrate().remote("tea"))
    try:
        burrow.App.lookup("own-ship")
    except burrow.exception.NotFoundError as error:
        print("own-shop" in str(error))
"""

CHATTY = """
@app.function(scaledown_window=60)
def early(x):
    print("early", x, flush=True)

@app.function(scaledown_window=60)
def late(x):
    print("late", x, flush=True)
"""


def python(daemon: Daemon, path: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, path],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=str(Path(path).parent),
        env=daemon.environment(),
        timeout=120,
    )


def test_a_program_runs_its_app_by_itself_and_shows_the_progress(
    daemon: Daemon, write_app: WriteApp
) -> None:
    code = SQUARES.replace("STARTED", "%d" % time.time_ns())  # a step that nobody has run
    ended = python(daemon, write_app(code, name="own_squares"))
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert "[1, 4, 9]" in lines
    assert sorted(line for line in lines if "squaring" in line) == [
        "squaring 1",
        "squaring 2",
        "squaring 3",
    ]
    assert "echo built at" in ended.stderr


def test_a_program_leaves_a_detached_app_whose_calls_go_on(
    daemon: Daemon, write_app: WriteApp, tmp_path: Path
) -> None:
    started = time.monotonic()
    left = python(daemon, write_app(DETACHED, name="own_detached"))
    assert left.returncode == 0, left.stderr
    fetch = tmp_path / "fetch.py"
    fetch.write_text(
        "import burrow\nprint(burrow.FunctionCall.from_id(%r).get(timeout=60))\n"
        % left.stdout.split()[0]
    )
    fetched = python(daemon, str(fetch))
    assert fetched.stdout == "slept\n", fetched.stderr
    assert time.monotonic() - started > 4
    wait_until(
        lambda: "own_detached" not in daemon.burrow("app", "ls").stdout, "the app has stopped", 60
    )


def test_apps_are_looked_up_by_name(daemon: Daemon, write_app: WriteApp) -> None:
    path = write_app(LOOKED_UP, name="own-shop")
    deployed = daemon.burrow("deploy", path)
    assert deployed.returncode == 0, deployed.stderr
    try:
        ended = python(daemon, path)
        assert ended.stdout == "True\nTrue\n3\nTrue\n", ended.stderr
    finally:
        for app in ("own-shop", "own-empty"):
            daemon.burrow("app", "stop", app)


def test_a_followed_log_is_narrowed_by_function_container_and_time(
    daemon: Daemon, write_app: WriteApp, tmp_path: Path
) -> None:
    assert daemon.burrow("deploy", write_app(CHATTY, name="chatty")).returncode == 0
    try:
        for function in ("early", "late"):
            assert daemon.burrow("call", "chatty", function, "0").returncode == 0
        wait_until(lambda: "late 0" in daemon.burrow("logs", "chatty").stdout, "it has printed")
        shown = daemon.burrow("ps").stdout.splitlines()
        (container,) = [
            word for line in shown if "late" in line for word in line.split() if word[:3] == "ct-"
        ]
        followers = [
            daemon.popen("logs", "-f", "chatty", *narrowed, cwd=tmp_path)
            for narrowed in (
                ["--function", "late"],
                ["--container", container],
                ["--since", "1h", "--function", "late"],
            )
        ]
        for function in ("early", "late"):
            assert daemon.burrow("call", "chatty", function, "1").returncode == 0
        try:
            for follower in followers:
                assert follower.stdout is not None
                read = [follower.stdout.readline() for _ in range(2)]
                assert read == ["late 0\n", "late 1\n"]
        finally:
            for follower in followers:
                follower.kill()
                follower.communicate()
        since = "2100-01-01T00:00:00+00:00"
        assert daemon.burrow("logs", "chatty", "--since", since).stdout == ""
    finally:
        daemon.burrow("app", "stop", "chatty")
