"""Tokens for others: what each role may do, and that nothing of a token is kept."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Callable

from daemon import Daemon

CODE = """
@app.function()
def square(x: int): return x * x

@app.function()
def numbers():
    yield from range(3)
"""
CLIENT = """
import burrow
square = burrow.Function.from_name("for-callers", "square")
print(square.remote(7), list(square.map(range(3))), square.spawn(4).get(timeout=60))
print(list(burrow.Function.from_name("for-callers", "numbers").remote_gen()))
"""


def test_the_first_clients_token_is_replaced(own_daemon: Daemon, tmp_path: Path) -> None:
    own_daemon.state = tmp_path / "state"  # whose tokens no other test needs
    own_daemon.start()
    first = own_daemon.environment()
    own_id = next(
        line.split()[-1]
        for line in own_daemon.burrow("token", "list").stdout.splitlines()
        if "(the server's own)" in line and "admin" in line
    )
    refused = own_daemon.burrow("token", "revoke", own_id)
    assert refused.returncode == 1 and "last token of an admin" in refused.stderr
    made = own_daemon.burrow("token", "create", "ops", "--role", "admin").stdout.strip()
    ops = own_daemon.environment(BURROW_TOKEN=made)
    assert own_daemon.burrow("token", "revoke", own_id, env=ops).returncode == 0
    assert own_daemon.burrow("app", "ls", env=first).returncode == 1
    assert own_daemon.burrow("app", "ls", env=ops).returncode == 0
    own_daemon.stop()
    own_daemon.config.unlink()
    own_daemon.start()
    assert not own_daemon.config.exists(), "there is no token to write into it"
    ops["BURROW_URL"] = own_daemon.url
    assert own_daemon.burrow("app", "ls", env=ops).returncode == 0
    own_daemon.stop()
    (own_daemon.state / "control" / "tokens").unlink()
    own_daemon.start()
    assert own_daemon.burrow("token", "list").returncode == 0, "it has a new one"


def test_a_callers_token_calls_deployed_functions_and_does_nothing_else(
    daemon: Daemon, write_app: Callable[..., str]
) -> None:
    app = write_app(CODE, name="for-callers")
    assert daemon.burrow("deploy", app).returncode == 0
    daemon.burrow("token", "revoke", "web")  # of an earlier run on the same state
    made = daemon.burrow("token", "create", "web", "--role", "caller")
    assert made.returncode == 0, made.stderr
    token = made.stdout.strip()
    caller = daemon.environment(BURROW_TOKEN=token)
    called = daemon.burrow("call", "for-callers", "square", "3", env=caller)
    assert called.stdout == "9\n", called.stderr
    program = subprocess.run(
        [sys.executable, "-c", CLIENT], env=caller, capture_output=True, text=True, timeout=120
    )
    assert program.stdout == "49 [0, 1, 4] 16\n[0, 1, 2]\n", program.stderr
    for command in (["deploy", app], ["run", app], ["token", "list"], ["secret", "list"]):
        refused = daemon.burrow(*command, env=caller)
        assert refused.returncode == 1, command
        assert "token" in refused.stderr and "Traceback" not in refused.stderr, refused.stderr
    assert daemon.burrow("token", "revoke", "web").returncode == 0
    revoked = daemon.burrow("call", "for-callers", "square", "3", env=caller)
    assert revoked.returncode == 1 and "token" in revoked.stderr
    control = daemon.state / "control"
    logs = [path for path in (control / "logs").rglob("*") if path.is_file()]
    kept = [*control.glob("burrow.db*"), *logs, daemon.log]
    assert logs
    assert [path for path in kept if token.encode() in path.read_bytes()] == []
    assert daemon.burrow("app", "stop", "for-callers").returncode == 0
