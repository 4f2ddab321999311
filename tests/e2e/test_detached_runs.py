"""`burrow run --detach`: what has begun goes on without its client."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Callable, List

import pytest

from daemon import Daemon, wait_until

# Goes on until somebody lets it, which only another client does.
WAITS = """
import burrow
gate = burrow.Volume.from_name("detached-gate", create_if_missing=True)

@app.function(timeout=120, volumes={"/gate": gate})
def waits(x):
    import os, time
    print("begun", x, flush=True)
    while not os.path.exists("/gate/open-%s" % x):
        time.sleep(0.1)
        gate.reload()
    print("finished", x, flush=True)
"""


@pytest.mark.parametrize(
    "how, main",
    [
        ("interrupted", "waits.remote('interrupted')"),
        ("killed", "waits.remote('killed')"),
        ("mapped", "list(waits.map(['mapped']))"),
        ("spawned", "waits.spawn('spawned')"),
    ],
)
def test_a_call_goes_on_without_its_client(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, how: str, main: str
) -> None:
    path = write_app(WAITS, name="detached-" + how, main=main)
    client = daemon.popen("run", "--detach", path, cwd=tmp_path)
    app: "List[str]" = []

    def begun() -> bool:
        app[:] = [
            line.split()[0]
            for line in daemon.burrow("app", "ls").stdout.splitlines()
            if "detached-" + how in line
        ]
        return bool(app) and "begun " + how in daemon.burrow("logs", app[0]).stdout

    wait_until(begun, "the call has begun", 60)
    if how == "killed":
        client.kill()
    elif how != "spawned":
        client.send_signal(signal.SIGINT)
    _, said = client.communicate(timeout=30)
    if how != "killed":
        assert "burrow app stop " + app[0] in said
    assert client.returncode == {"killed": -9, "spawned": 0}.get(how, 130), said
    (tmp_path / "open").write_text("")
    opened = daemon.burrow("volume", "put", "detached-gate", str(tmp_path / "open"), "/open-" + how)
    assert opened.returncode == 0, opened.stderr
    wait_until(
        lambda: "finished " + how in daemon.burrow("logs", app[0]).stdout, "the call has ended", 60
    )
    assert daemon.burrow("app", "stop", app[0]).returncode == 0


def test_an_app_that_cannot_begin_is_not_left(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    code = """
    @app.function(image=burrow.Image.debian_slim().run_commands("exit 3"))
    def f(): pass
    """
    path = write_app(code, name="detached-never", main="f.remote()")
    ended = daemon.burrow("run", "--detach", path, cwd=tmp_path)
    assert ended.returncode == 1
    assert "detached-never" not in daemon.burrow("app", "ls").stdout
