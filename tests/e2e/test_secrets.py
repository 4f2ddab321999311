"""Secrets reach the functions that name them, and no file, log or command line."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Callable, Iterator

from daemon import BURROW, Daemon

MARKER = "marker-%s-4f1d9c" % "value"
CODE = """
import os, subprocess
@app.function(secrets=[
    burrow.Secret.from_name("marked", required_keys=["TOKEN"]),
    burrow.Secret.from_local_environ(["OWN_TOKEN"]),
], schedule=burrow.Period(days=1))
def show():
    child = subprocess.run(["sh", "-c", "echo $OWN_TOKEN"], capture_output=True, text=True)
    assert child.stdout.strip() == os.environ["OWN_TOKEN"]
    return [os.environ["TOKEN"][::-1], os.environ["OWN_TOKEN"][::-1]]

@app.function(secrets=[burrow.Secret.from_dict({"BROKEN": os.environ.get("OWN_TOKEN")})])
def fail(): raise ValueError("without the value")

@app.function(timeout=60, secrets=[burrow.Secret.from_name("marked")])
def wait():
    import time
    print("waiting", flush=True)
    time.sleep(50)
"""


def files_with(root: Path, marker: bytes) -> Iterator[Path]:
    for directory, directories, names in os.walk(root):
        for name in names:
            path = Path(directory, name)
            if path.is_symlink() or not path.is_file():
                continue
            tail = b""
            try:
                with open(path, "rb") as file:
                    for piece in iter(lambda: file.read(1 << 20), b""):
                        if marker in tail + piece:
                            yield path
                            break
                        tail = piece[-len(marker) :]
            except OSError:
                continue


def command_lines() -> "dict[str, bytes]":
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[entry.name] = (entry / "cmdline").read_bytes()
            except OSError:
                continue
    return found


def test_a_secret_is_where_it_is_needed_and_nowhere_else(
    own_daemon: Daemon, write_app: Callable[..., str], tmp_path: Path
) -> None:
    daemon = own_daemon
    daemon.env = {"BURROW_LOG": "debug"}
    daemon.start()
    created = subprocess.run(
        [BURROW, "secret", "create", "marked", "--force"],
        input="TOKEN='%s'\n" % MARKER,
        capture_output=True,
        text=True,
        env=daemon.environment(),
        timeout=60,
    )
    assert created.returncode == 0, created.stderr
    path = write_app(CODE, name="secretive")
    deployed = daemon.burrow("deploy", path, env=daemon.environment(OWN_TOKEN=MARKER))
    assert deployed.returncode == 0, deployed.stderr
    shown = daemon.burrow("call", "secretive", "show")
    assert shown.stdout == '["%s", "%s"]\n' % (MARKER[::-1], MARKER[::-1]), shown.stderr
    failed = daemon.burrow("call", "secretive", "fail")
    assert failed.returncode == 1 and "without the value" in failed.stderr
    waiting = daemon.popen("call", "secretive", "wait", cwd=tmp_path)
    logs = daemon.popen("logs", "-f", "secretive", cwd=tmp_path)
    try:
        assert logs.stdout is not None
        assert any("waiting" in line for line in iter(logs.stdout.readline, ""))
        lines = command_lines()
        assert [pid for pid, line in lines.items() if MARKER.encode() in line] == []
        assert any(b"burrowd" in line for line in lines.values())
    finally:
        for process in (waiting, logs):
            process.kill()
            process.communicate()
    listed = daemon.burrow("secret", "list")
    assert "marked" in listed.stdout and "TOKEN" in listed.stdout
    outputs = [created, deployed, failed, listed, daemon.burrow("logs", "secretive")]
    assert all(MARKER not in one.stdout + one.stderr for one in outputs)
    daemon.kill()
    daemon.start()  # what a crash leaves is looked at, too
    assert daemon.burrow("call", "secretive", "show").stdout == shown.stdout
    assert list(files_with(daemon.state, MARKER.encode())) == []
    assert MARKER not in daemon.log.read_text(errors="replace")
    key = daemon.state / "control" / "secrets.key"
    assert key.stat().st_mode & 0o777 == 0o600
    for command in (["app", "stop", "secretive"], ["secret", "delete", "marked"]):
        assert daemon.burrow(*command).returncode == 0
    assert daemon.stop() == 0
