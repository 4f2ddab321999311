"""The commands that look after images: tag, inspect, history, rm, prune, logs."""

from __future__ import annotations

import json
import sys

from burrow._client.config import load_config
from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import ConnectionLost
from burrow._client.stream import Stream
from burrow._client.transport import Transport
from burrow.cli.step_board import printable
from burrow.cli.tables import age, table

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

_PRUNE_TIMEOUT = 600.0
_READ_TIMEOUT = 60.0
_MAX_CREATED_BY = 100


def tag_image(options: "Namespace") -> int:
    """`burrow image tag`"""
    request = {"image": options.image, "name": options.name}
    answer = Transport(load_config()).unary("Images/Tag", request)
    print("%s is named %s" % (answer.get("image", {}).get("imageId", ""), options.name))
    return 0


def inspect_image(options: "Namespace") -> int:
    """`burrow image inspect`: as JSON whose keys are always there."""
    answer = Transport(load_config()).unary("Images/Inspect", {"image": options.image})
    print(json.dumps(_description(answer), indent=2, ensure_ascii=False))
    return 0


def _description(answer: "dict[str, Any]") -> "dict[str, Any]":
    info = answer.get("info", {})
    texts = ("workdir", "user", "stopSignal", "author")
    lists = ("env", "entrypoint", "cmd", "shell", "exposedPorts", "volumes", "onBuild")
    described: "dict[str, Any]" = {
        "id": info.get("imageId", ""),
        "names": info.get("names", []),
        "description": info.get("description", ""),
        "files": int(info.get("files", 0)),
        "bytes": int(info.get("bytes", 0)),
        "createdMs": int(info.get("createdMs", 0)),
        "indexDigest": info.get("indexDigest", ""),
    }
    described.update((name, answer.get(name, [])) for name in lists)
    described.update((name, answer.get(name, "")) for name in texts)
    described["labels"] = dict(sorted(answer.get("labels", {}).items()))
    described["healthcheck"] = answer.get("healthcheck")
    described["history"] = [
        {
            "createdBy": entry.get("createdBy", ""),
            "emptyLayer": bool(entry.get("emptyLayer", False)),
            "createdMs": int(entry.get("createdMs", 0)),
        }
        for entry in answer.get("history", ())
    ]
    return described


def show_history(options: "Namespace") -> int:
    """`burrow image history`: oldest first, like the Dockerfile."""
    answer = Transport(load_config()).unary("Images/Inspect", {"image": options.image})
    rows = [
        [
            age(entry.get("createdMs")),
            "-" if entry.get("emptyLayer") else "files",
            _short(str(entry.get("createdBy", ""))),
        ]
        for entry in answer.get("history", ())
    ]
    sys.stdout.write(table(["AGE", "CHANGED", "CREATED BY"], rows))
    return 0


def _short(text: str) -> str:
    text = printable(" ".join(text.split()))
    return text if len(text) <= _MAX_CREATED_BY else text[: _MAX_CREATED_BY - 1] + "…"


def remove_images(options: "Namespace") -> int:
    """`burrow image rm`"""
    request = {"images": options.images, "force": options.force}
    answer = Transport(load_config()).unary("Images/Remove", request)
    for name in answer.get("removedNames", ()):
        print("Untagged: %s" % name)
    for image in answer.get("removedImages", ()):
        print("Removed: %s" % image)
    return 0


def prune_images(options: "Namespace") -> int:
    """`burrow image prune`: images without a name, or what the options name."""
    chosen = options.steps or options.cache_mounts
    request = {
        "images": options.all or not chosen,
        "steps": options.all or options.steps,
        "cacheMounts": options.all or options.cache_mounts,
    }
    answer = Transport(load_config()).unary("Images/Prune", request, _PRUNE_TIMEOUT)
    print(
        "Removed: %d images, %d cached steps, %d cache mounts. `burrow system gc` frees their bytes."
        % tuple(int(answer.get(name, 0)) for name in ("images", "steps", "cacheMounts"))
    )
    return 0


def show_build_log(options: "Namespace") -> int:
    """`burrow image logs`"""
    transport = Transport(load_config())
    request = {"build": options.build}
    try:
        for answer in Stream(transport, "Images/Logs", request, _READ_TIMEOUT):
            for line in answer.get("lines", ()):
                sys.stdout.write(line + "\n")
        sys.stdout.flush()
    except (ConnectionLost, ServerUnavailable) as error:
        raise transport.unreachable(error) from None
    return 0
