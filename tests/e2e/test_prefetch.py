"""What one run of an image read is fetched ahead for the next run on a machine that never saw it."""

from __future__ import annotations

import json
import shutil
import sqlite3
import time
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any, Callable, Dict

from daemon import Daemon, wait_until

USAGE_INTERVAL_S = 2.0  # a worker tells what its cache counted so often

IMPORTS = """
import asyncio, concurrent.futures.process, ctypes, decimal, email.mime.text, http.server
import logging.config, multiprocessing.pool, sqlite3, unittest.mock, xml.dom.minidom, xmlrpc.client

@app.function()
def modules():
    return "imported"
"""

REBUILT = IMPORTS.replace(
    "@app.function()",
    "image = burrow.Image.debian_slim().add_local_file(__file__, '/made', copy=True)\n"
    "@app.function(image=image)",
)


def counters(daemon: Daemon) -> Dict[str, int]:
    """Of the only worker's cache."""
    config = json.loads(daemon.config.read_text())
    request = urllib.request.Request(
        daemon.url + "/burrow.v1.Containers/List",
        b"{}",
        {"Content-Type": "application/json", "Authorization": "Bearer " + config["token"]},
    )
    with urllib.request.urlopen(request, timeout=10) as response:
        workers: "list[Dict[str, Any]]" = json.load(response).get("workers", [])
    assert len(workers) == 1
    return {name: int(value) for name, value in workers[0].get("cache", {}).items()}


def forget_traces(daemon: Daemon) -> None:
    """As if no container had been recorded."""
    with closing(sqlite3.connect(str(daemon.state / "control" / "burrow.db"))) as database:
        database.execute("DELETE FROM hot_sets")
        database.commit()


def cold_run(daemon: Daemon, path: str) -> Dict[str, int]:
    """Runs the app on a worker whose cache is empty; what its cache counted afterwards."""
    shutil.rmtree(daemon.state / "worker" / "cache", ignore_errors=True)
    daemon.start()
    ended = daemon.burrow("run", path, cwd=Path(path).parent, deadline_s=300)
    assert ended.stdout == "imported\n", ended.stderr
    last, since = counters(daemon), time.monotonic()

    def at_rest() -> bool:
        nonlocal last, since
        now = counters(daemon)
        if now != last:
            last, since = now, time.monotonic()
        return time.monotonic() - since > 2 * USAGE_INTERVAL_S

    wait_until(at_rest, "the counters rest")
    assert daemon.stop() == 0, daemon.tail()
    return last


def test_a_cold_worker_fetches_ahead_what_an_earlier_run_read_also_of_an_older_image(
    own_daemon: Daemon, write_app: Callable[..., str]
) -> None:
    own_daemon.env["BURROW_FAULTS"] = "api.blobs=delay:30"
    path = write_app(IMPORTS, main="print(modules.remote())")
    own_daemon.start()  # builds the base image where it is not there yet
    own_daemon.burrow("run", path, cwd=Path(path).parent, deadline_s=600)
    assert own_daemon.stop() == 0, own_daemon.tail()

    forget_traces(own_daemon)
    first = cold_run(own_daemon, path)
    assert first["misses"] > 150
    assert first.get("prefetchedBlobs", 0) < 50  # the rest of large files of which a part was read
    second = cold_run(own_daemon, path)
    assert second["prefetchedBlobs"] > 150
    assert second["misses"] < first["misses"] / 4
    assert second.get("failedFetches", 0) == 0

    rebuilt = cold_run(own_daemon, write_app(REBUILT, main="print(modules.remote())"))
    assert rebuilt["prefetchedBlobs"] > 150
    assert rebuilt["misses"] < first["misses"] / 4
