"""The commands that look at the server: ps, system gc, app ls, app stop."""

from __future__ import annotations

import sys

from burrow._client.config import load_config
from burrow._client.transport import Transport
from burrow.cli.tables import age, size, table, word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Dict, List

_COLLECT_TIMEOUT = 3600.0


def list_containers(options: "Namespace") -> int:
    """`burrow ps`"""
    answer = Transport(load_config()).unary("Containers/List", {})
    rows = [
        [
            item.get("containerId", ""),
            item.get("appName", "") or item.get("appId", ""),
            item.get("function", ""),
            word(item.get("state"), "CONTAINER_STATE_"),
            age(item.get("startedMs")),
            str(item.get("running", 0)),
            str(item.get("callsDone", 0)),
            item.get("workerId", "") or "-",
        ]
        for item in answer.get("containers", ())
    ]
    header = ["CONTAINER", "APP", "FUNCTION", "STATE", "AGE", "RUNNING", "DONE", "WORKER"]
    sys.stdout.write(table(header, rows))
    workers = answer.get("workers", ())
    if workers:
        header = ["WORKER", "CONTAINERS", "CACHE", "QUOTA", "HITS", "MISSES", "AHEAD", "EVICTED"]
        sys.stdout.write("\n" + table(header, [_cache_row(item) for item in workers]))
        header = ["WORKER", "IMAGES", "JOINED", "RETRIES", "SLOW", "DAMAGED", "FAILED", "UNCACHED"]
        header += ["EIO", "RESTARTS"]
        sys.stdout.write("\n" + table(header, [_faults_row(item) for item in workers]))
    return 0


def _cache_row(item: "Dict[str, Any]") -> "List[str]":
    cache = item.get("cache", {})
    return [
        item.get("workerId", ""),
        str(item.get("containers", 0)),
        size(item.get("cacheBytes")),
        size(cache.get("quotaBytes")),
        str(cache.get("hits", 0)),
        str(cache.get("misses", 0)),
        str(cache.get("prefetchedBlobs", 0)),
        str(cache.get("evictedBlobs", 0)),
    ]


def _faults_row(item: "Dict[str, Any]") -> "List[str]":
    """What went wrong on the way to the files of images."""
    cache, imagefs = item.get("cache", {}), item.get("imagefs", {})
    return [
        item.get("workerId", ""),
        imagefs.get("tier", "") or "-",
        str(item.get("connections", 0)),
        str(imagefs.get("retries", 0)),
        str(cache.get("slowFetches", 0)),
        size(imagefs.get("damagedBytes")),
        str(cache.get("failedFetches", 0)),
        size(cache.get("uncachedBytes")),
        str(imagefs.get("failedReads", 0)),
        str(imagefs.get("restarts", 0)),
    ]


def collect_blobs(options: "Namespace") -> int:
    """`burrow system gc`"""
    answer = Transport(load_config()).unary(
        "Blobs/Collect", {"dryRun": options.dry_run}, _COLLECT_TIMEOUT
    )
    removed, kept = int(answer.get("removedBlobs", 0)), int(answer.get("recentBlobs", 0))
    verb = "would be removed" if options.dry_run else "were removed"
    print(f"{removed} blobs, {size(answer.get('removedBytes'))}, {verb}")
    print(f"{int(answer.get('neededBlobs', 0))} are needed, {kept} others were used lately")
    return 0


def list_apps(options: "Namespace") -> int:
    """`burrow app ls`"""
    answer = Transport(load_config()).unary("Apps/List", {"all": options.all})
    rows = [
        [
            item.get("appId", ""),
            item.get("name", ""),
            word(item.get("state"), "APP_STATE_"),
            age(item.get("createdMs")),
            str(item.get("containers", 0)),
            str(item.get("queued", 0)),
            str(item.get("running", 0)),
        ]
        for item in answer.get("apps", ())
    ]
    header = ["APP", "NAME", "STATE", "AGE", "CONTAINERS", "QUEUED", "RUNNING"]
    sys.stdout.write(table(header, rows))
    return 0


def stop_app(options: "Namespace") -> int:
    """`burrow app stop`"""
    request = {"app": options.app, "reason": "stopped by burrow app stop"}
    answer = Transport(load_config()).unary("Apps/Stop", request)
    print(
        "Stopped %s: %d containers stopped, %d calls cancelled."
        % (options.app, answer.get("containersStopped", 0), answer.get("callsCancelled", 0))
    )
    return 0
