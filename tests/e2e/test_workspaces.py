"""Two workspaces on one server: neither sees nor reaches what the other has."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

from daemon import Daemon, wait_until
from workspaces import Environment

OTHER, SHARING = "e2e-other", "e2e-sharing"
SHOP = """
import os
@app.function(secrets=[burrow.Secret.from_name("e2e-hub")])
def whose():
    print("said by " + os.environ["OWNER"], flush=True)
    return os.environ["OWNER"]

@app.function()
def through():
    return burrow.Function.from_name("e2e-shop", "whose").remote()
"""
SLOW = """
import time
@app.function(single_use_containers=True)
def slow(x: int):
    time.sleep(0.5)
    return x
"""


def test_the_same_names_mean_each_workspaces_own(
    daemon: Daemon, workspace: Callable[..., Environment], write_app: Callable[..., str]
) -> None:
    other = workspace(OTHER)
    own = daemon.environment()
    app = write_app(SHOP, name="e2e-shop")
    for env, owner in ((own, "ours"), (other, "theirs")):
        put = daemon.burrow("secret", "create", "e2e-hub", "--force", "OWNER=" + owner, env=env)
        assert put.returncode == 0, put.stderr
        deployed = daemon.burrow("deploy", app, env=env)
        assert deployed.returncode == 0, deployed.stderr
    for env, owner, stranger in ((own, "ours", "theirs"), (other, "theirs", "ours")):
        for function in ("whose", "through"):  # from outside, and from inside a container
            called = daemon.burrow("call", "e2e-shop", function, env=env)
            assert called.stdout.strip() in (owner, '"%s"' % owner), called.stderr
        logs = daemon.burrow("logs", "e2e-shop", env=env).stdout
        assert "said by " + owner in logs and stranger not in logs
    assert daemon.burrow("app", "stop", "e2e-shop", env=other).returncode == 0
    assert daemon.burrow("call", "e2e-shop", "whose").returncode == 0, "ours goes on"
    assert daemon.burrow("app", "stop", "e2e-shop").returncode == 0
    daemon.burrow("secret", "delete", "e2e-hub")


def test_what_another_workspace_has_is_not_there(
    daemon: Daemon,
    workspace: Callable[..., Environment],
    write_app: Callable[..., str],
    tmp_path: Path,
) -> None:
    other = workspace(OTHER)
    daemon.burrow("secret", "create", "e2e-hub", "--force", "OWNER=ours")
    assert daemon.burrow("deploy", write_app(SHOP, name="e2e-shop")).returncode == 0
    code = "import burrow; call = burrow.Function.from_name('e2e-shop', 'whose').spawn();"
    spawned = subprocess.run(
        [sys.executable, "-c", code + "print(call.object_id, call.get(timeout=60))"],
        env=daemon.environment(),
        capture_output=True,
        text=True,
        timeout=120,
    )
    call_id = spawned.stdout.split()[0]
    (tmp_path / "Dockerfile").write_text("FROM debian_slim\nRUN echo made > /made\n")
    assert daemon.burrow("build", str(tmp_path), "-t", "e2e-tools").returncode == 0
    image = re.findall(r"im-\w+", daemon.burrow("image", "inspect", "e2e-tools").stdout)
    container = re.findall(r"ct-\w+", daemon.burrow("ps").stdout)
    assert container and call_id.startswith("fc-"), spawned.stderr
    for command in (
        ["call", "e2e-shop", "whose"],
        ["call", "show", call_id],
        ["logs", "e2e-shop"],
        ["app", "stop", "e2e-shop"],
        ["app", "history", "e2e-shop"],
        ["secret", "delete", "e2e-hub"],
        ["image", "inspect", "e2e-tools"],
        *(["image", "inspect", one] for one in image[:1]),
        ["image", "logs", "e2e-tools"],
        ["shell", "e2e-tools", "--", "true"],
        ["exec", container[0], "--", "true"],
    ):
        refused = daemon.burrow(*command, env=other)
        assert refused.returncode == 1, command
        assert "Traceback" not in refused.stderr and "token" not in refused.stderr, refused.stderr
    for command in (["app", "ls"], ["ps"], ["secret", "list"], ["image", "ls"], ["top", "--once"]):
        listed = daemon.burrow(*command, env=other)
        assert listed.returncode == 0, listed.stderr
        for name in ("e2e-shop", "e2e-hub", "e2e-tools", container[0]):
            assert name not in listed.stdout, command
    managing = daemon.burrow("workspace", "list", env=other)
    assert managing.returncode == 1 and "admin" in managing.stderr
    assert daemon.burrow("app", "stop", "e2e-shop").returncode == 0
    daemon.burrow("secret", "delete", "e2e-hub")
    daemon.burrow("image", "rm", "e2e-tools")


def test_build_steps_are_shared_only_by_workspaces_that_say_so(
    daemon: Daemon, workspace: Callable[..., Environment], tmp_path: Path
) -> None:
    alone, sharing = workspace(OTHER), workspace(SHARING, "--share-cache")
    mount = "--mount=type=cache,id=%s,target=/c" % tmp_path.name
    step = "cat /proc/sys/kernel/random/uuid | tee -a /c/all > /u && wc -l < /c/all > /count"
    (tmp_path / "Dockerfile").write_text("FROM debian_slim\nRUN %s %s\n" % (mount, step))

    def build(env: Environment) -> str:
        done = daemon.burrow("build", str(tmp_path), "-t", "e2e-steps", env=env)
        assert done.returncode == 0, done.stderr
        shown = daemon.burrow("shell", "e2e-steps", "--", "cat", "/u", "/count", env=env)
        assert shown.returncode == 0, shown.stderr
        return shown.stdout

    ours = build(daemon.environment())
    assert build(sharing) == ours
    theirs = build(alone)
    assert theirs != ours
    assert build(alone) == theirs, "its own cache"
    for made in (ours, theirs):
        assert made.split()[1] == "1", "each found its cache mount empty"
    daemon.burrow("image", "rm", "e2e-steps")


def test_a_workspace_has_at_most_as_many_containers_as_it_may(
    daemon: Daemon, workspace: Callable[..., Environment], write_app: Callable[..., str]
) -> None:
    bounded = workspace(OTHER, "--max-containers", "2")
    app = write_app(SLOW, name="e2e-slow")
    assert daemon.burrow("deploy", app, env=bounded).returncode == 0
    code = "import burrow; slow = burrow.Function.from_name('e2e-slow', 'slow');"
    program = subprocess.Popen(
        [sys.executable, "-c", code + "print(sum(slow.map(range(8))))"],
        env=bounded,
        stdout=subprocess.PIPE,
        text=True,
    )
    most = 0

    def ended() -> bool:
        nonlocal most
        most = max(most, len(re.findall(r"^ct-", daemon.burrow("ps", env=bounded).stdout, re.M)))
        return program.poll() is not None

    wait_until(ended, "all calls have ended", 120)
    assert program.stdout is not None and program.stdout.read() == "28\n"
    assert most == 2
    refused = daemon.burrow("workspace", "delete", OTHER)
    assert refused.returncode == 1 and "e2e-slow" in refused.stderr, refused.stderr
