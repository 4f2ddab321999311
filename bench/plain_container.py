"""What a container costs without Burrow: an overlay over this machine's own root, and crun by hand.

PlainContainers starts this file as a helper process. It has a mount namespace of its own, so that its
mounts end with it; on machines with both cgroup versions it unmounts version 2 there, which crun refuses.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

from measurement import BenchError
from mounts import enter_own_namespace, mount_overlay, unmount

_RUN_SECONDS = 60.0


class PlainContainers:
    """Runs `python3 -c pass` in one fresh container after another.

    Raises:
        BenchError: this machine cannot; the message says why.
    """

    def __init__(self) -> None:
        if shutil.which("crun") is None:
            raise BenchError("crun is not installed")
        self._work = tempfile.mkdtemp(prefix="burrow-bench-plain-")
        self._helper = subprocess.Popen(
            [sys.executable, os.path.abspath(__file__), self._work],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> "PlainContainers":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def run(self) -> float:
        """Milliseconds from nothing to the end of the container's process."""
        assert self._helper.stdin is not None and self._helper.stdout is not None
        try:
            self._helper.stdin.write("run\n")
            self._helper.stdin.flush()
        except BrokenPipeError:
            pass
        answer = json.loads(self._helper.stdout.readline() or '{"error": "the helper ended"}')
        if "error" in answer:
            raise BenchError("a plain container: %s" % answer["error"])
        return float(answer["ms"])

    def close(self) -> None:
        """Ends the helper and with it its mounts."""
        assert self._helper.stdin is not None and self._helper.stdout is not None
        self._helper.stdin.close()
        self._helper.wait()
        self._helper.stdout.close()
        shutil.rmtree(self._work, ignore_errors=True)


def _bundle_config() -> "dict[str, object]":
    namespaces = ("pid", "ipc", "uts", "mount", "network")
    return {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": ["/usr/bin/python3", "-c", "pass"],
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": "/",
        },
        "root": {"path": "root"},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {"namespaces": [{"type": kind} for kind in namespaces]},
    }


def _run_once(work: str, number: int) -> float:
    bundle = tempfile.mkdtemp(dir=work)
    for name in ("upper", "work", "root"):
        os.mkdir(os.path.join(bundle, name))
    with open(os.path.join(bundle, "config.json"), "w", encoding="utf-8") as file:
        json.dump(_bundle_config(), file)
    upper, workdir, root = (os.path.join(bundle, name) for name in ("upper", "work", "root"))
    name = "burrow-bench-%d-%d" % (os.getpid(), number)
    command = ["crun", "--cgroup-manager=disabled", "--root", os.path.join(work, "crun")]
    command += ["run", "--bundle", bundle, name]

    start = time.perf_counter()
    mount_overlay("/", upper, workdir, root)
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_RUN_SECONDS
        )
        elapsed = (time.perf_counter() - start) * 1000
    finally:
        unmount(root)
        shutil.rmtree(bundle, ignore_errors=True)
    if done.returncode != 0:
        raise BenchError("crun: " + done.stderr.decode("utf-8", "replace").strip())
    return elapsed


def _serve(work: str) -> None:
    try:
        enter_own_namespace()
    except OSError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    for number, _ in enumerate(sys.stdin):
        try:
            answer: "dict[str, object]" = {"ms": _run_once(work, number)}
        except (OSError, BenchError, subprocess.TimeoutExpired) as error:
            answer = {"error": str(error)}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    _serve(sys.argv[1])
