"""Workspaces that tests make and delete."""

from __future__ import annotations

from typing import Dict

from daemon import Daemon

Environment = Dict[str, str]


def drop(daemon: Daemon, workspace: str) -> None:
    """With what a test, or an earlier run on the same state, left."""
    if workspace not in daemon.burrow("workspace", "list").stdout.split():
        return
    daemon.burrow("token", "revoke", "of-" + workspace)
    made = daemon.burrow("token", "create", "of-" + workspace, "--workspace", workspace)
    env = daemon.environment(BURROW_TOKEN=made.stdout.strip())
    for line in daemon.burrow("app", "ls", env=env).stdout.splitlines()[1:]:
        daemon.burrow("app", "stop", line.split()[0], env=env)
    daemon.burrow("token", "revoke", "of-" + workspace)
    deleted = daemon.burrow("workspace", "delete", workspace)
    assert deleted.returncode == 0, deleted.stderr


def make(daemon: Daemon, workspace: str, *options: str) -> Environment:
    """What a client of a new one has in its environment."""
    drop(daemon, workspace)
    created = daemon.burrow("workspace", "create", workspace, *options)
    assert created.returncode == 0, created.stderr
    token = daemon.burrow("token", "create", "of-" + workspace, "--workspace", workspace)
    assert token.returncode == 0, token.stderr
    return daemon.environment(BURROW_TOKEN=token.stdout.strip())
