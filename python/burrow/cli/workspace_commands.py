"""`burrow workspace create`, `list`, `update` and `delete`."""

from __future__ import annotations

import sys

from burrow._client.config import load_config
from burrow._client.transport import Transport
from burrow.cli.tables import age, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any


def create(options: "Namespace") -> int:
    """`burrow workspace create`"""
    request = {"name": options.name, "limits": _limits(options)}
    Transport(load_config()).unary("Workspaces/Create", request)
    print("Created the workspace %s" % options.name)
    print(
        "Make a token of it: burrow token create NAME --workspace %s" % options.name,
        file=sys.stderr,
    )
    return 0


def list_workspaces(options: "Namespace") -> int:
    """`burrow workspace list`"""
    answer = Transport(load_config()).unary("Workspaces/List", {})
    header = [
        "WORKSPACE",
        "CONTAINERS",
        "CORES",
        "MIB",
        "WAITING",
        "STORAGE MIB",
        "APPS",
        "TOKENS",
        "CACHE",
        "AGE",
    ]
    rows = [_row(item) for item in answer.get("workspaces", ())]
    sys.stdout.write(table(header, rows))
    return 0


def update(options: "Namespace") -> int:
    """`burrow workspace update`"""
    request = {"name": options.name, "limits": _limits(options)}
    Transport(load_config()).unary("Workspaces/Update", request)
    print("Changed the workspace %s" % options.name)
    return 0


def delete(options: "Namespace") -> int:
    """`burrow workspace delete`"""
    Transport(load_config()).unary("Workspaces/Delete", {"name": options.name})
    print("Deleted the workspace %s" % options.name)
    return 0


def _limits(options: "Namespace") -> "dict[str, Any]":
    given = {
        "maxContainers": options.max_containers,
        "maxCpus": options.max_cpus,
        "maxMemoryMib": options.max_memory,
        "maxQueuedCalls": options.max_queued_calls,
        "maxStorageMib": options.max_storage,
        "shareCache": options.share_cache,
    }
    return {name: value for name, value in given.items() if value is not None}


def _row(item: "dict[str, Any]") -> "list[str]":
    limits = item.get("limits", {})
    return [
        item.get("name", ""),
        _of(item.get("containers", 0), limits.get("maxContainers", 0)),
        _of(item.get("cpus", 0), limits.get("maxCpus", 0)),
        _of(int(item.get("memoryMib", 0)), limits.get("maxMemoryMib", 0)),
        _of(item.get("waiting", 0), limits.get("maxQueuedCalls", 0)),
        _of(
            round(_storage(item) / 2**20, 1),
            int(limits.get("maxStorageMib", 0)),
        ),
        str(item.get("apps", 0)),
        str(item.get("tokens", 0)),
        "shared" if limits.get("shareCache") else "own",
        age(item.get("createdMs")),
    ]


def _storage(item: "dict[str, Any]") -> int:
    return int(item.get("volumeBytes", 0)) + int(item.get("imageBytes", 0))


def _of(count: float, bound: float) -> str:
    return "%s of %s" % (_short(count), _short(bound)) if bound else _short(count)


def _short(number: float) -> str:
    return ("%.3f" % number).rstrip("0").rstrip(".")
