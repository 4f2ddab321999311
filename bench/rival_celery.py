"""A map of no-ops by Celery with a Redis of its own: prints inputs a second.

The module is Celery's application, too: the worker imports it, and finds Redis by the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time

from celery import Celery, group  # type: ignore[import]

_SOCKET = os.environ.get("BENCH_REDIS", "")
_URL = "redis+socket://" + _SOCKET
_START_S = 30.0
_MAP_S = 1200.0

app = Celery("rival_celery", broker=_URL, backend=_URL)
app.conf.update(task_acks_late=True, result_expires=3600)


@app.task(name="noop")  # type: ignore[misc]
def noop(_value: int) -> None:
    """Ends at once."""


def main() -> None:
    """Starts Redis and the worker, and this program again as their client."""
    with tempfile.TemporaryDirectory(prefix="burrow-bench-celery-") as directory:
        socket = os.path.join(directory, "redis.sock")
        environment = {**os.environ, "BENCH_REDIS": socket}
        redis = subprocess.Popen(
            ["redis-server", "--port", "0", "--unixsocket", socket, "--dir", directory]
            + ["--appendonly", "yes", "--appendfsync", "everysec"],
            stdout=subprocess.DEVNULL,
        )
        worker = None
        try:
            deadline = time.monotonic() + _START_S
            while not os.path.exists(socket):
                if time.monotonic() > deadline:
                    sys.exit("redis-server did not start")
                time.sleep(0.05)
            here = os.path.dirname(os.path.abspath(__file__))
            worker = subprocess.Popen(
                [sys.executable, "-m", "celery", "-A", "rival_celery", "worker"]
                + ["--concurrency", str(os.cpu_count() or 1), "--loglevel", "ERROR"]
                + ["--without-gossip", "--without-mingle", "--without-heartbeat"],
                cwd=here,
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            client = [sys.executable, os.path.abspath(__file__), sys.argv[1]]
            sys.exit(subprocess.run(client, env=environment, check=False).returncode)
        finally:
            for process in (worker, redis):
                if process is not None:
                    process.terminate()
                    process.wait(timeout=30)


def _measure(inputs: int) -> float:
    group(noop.s(value) for value in range(inputs // 50)).apply_async().get(timeout=_MAP_S)
    start = time.perf_counter()
    outputs = group(noop.s(value) for value in range(inputs)).apply_async().get(timeout=_MAP_S)
    seconds = time.perf_counter() - start
    if len(outputs) != inputs:
        sys.exit("%d outputs of %d inputs" % (len(outputs), inputs))
    return inputs / seconds


if __name__ == "__main__":
    if _SOCKET:
        print(_measure(int(sys.argv[1])))
    else:
        main()
