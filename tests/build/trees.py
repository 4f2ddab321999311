"""What two builders made, in a form that can be compared: each path's entry, and the configuration."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Tuple

Entry = Dict[str, object]  # type, mode, owner, content, target, time, ...
Tree = Dict[str, Entry]
NOW = "now"

# Fields of Docker's image configuration: those of `config`, which say what processes start with, and what else tells
# how an image came about, the times apart.
CONFIG_FIELDS = (
    "Env Cmd Entrypoint Labels ExposedPorts Volumes User WorkingDir StopSignal Healthcheck OnBuild Shell "
    "author architecture os history"
).split()


@dataclass
class Built:
    """An image as a builder left it."""

    tree: Tree
    config: Dict[str, Any] = field(default_factory=dict)


def walk(root: Path, since: float) -> Tree:
    """Every path by its absolute name in the image. Times of `since` (seconds) and later are NOW."""
    tree: Tree = {}
    first: "Dict[Tuple[int, int], str]" = {}
    top = os.fsencode(root)
    paths = [b""]
    for place, directories, files in os.walk(top):
        inside = os.path.relpath(place, top)
        paths += [os.path.normpath(os.path.join(inside, name)) for name in directories + files]
    for path in sorted(paths):
        name = "/" + os.fsdecode(path)
        tree[name] = _entry(os.path.join(top, path) if path else top, name, first, since)
    return tree


def _entry(path: bytes, name: str, first: "Dict[Tuple[int, int], str]", since: float) -> Entry:
    info = os.lstat(path)
    kind = stat.S_IFMT(info.st_mode)
    entry: Entry = {
        "type": {stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l"}.get(kind, oct(kind)),
        "owner": "%d:%d" % (info.st_uid, info.st_gid),
        "time": NOW if info.st_mtime >= since else int(info.st_mtime),
    }
    if not stat.S_ISLNK(kind):
        entry["mode"] = "%04o" % stat.S_IMODE(info.st_mode)
    if stat.S_ISREG(kind):
        with open(path, "rb") as file:
            content = file.read()
        entry["content"] = _told(content)
    elif stat.S_ISLNK(kind):
        entry["target"] = os.fsdecode(os.readlink(path))
    elif not stat.S_ISDIR(kind):
        entry["device"] = info.st_rdev
    if not stat.S_ISDIR(kind) and info.st_nlink > 1:
        entry["same as"] = first.setdefault((info.st_dev, info.st_ino), name)
    for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
        entry[attribute] = os.getxattr(path, attribute, follow_symlinks=False).hex()
    return entry


def _told(content: bytes) -> str:
    try:
        text = content.decode()
        if len(text) <= 4096:
            return text
    except UnicodeDecodeError:
        pass
    return "sha256:" + hashlib.sha256(content).hexdigest()


def configuration(document: "Dict[str, Any]") -> "Dict[str, Any]":
    """What an image's configuration says, with its fields in one form; what is empty is left out."""
    said = document.get("config") or {}
    config = {name: said.get(name) for name in CONFIG_FIELDS}
    config["Env"] = dict(v.partition("=")[::2] for v in config["Env"] or ())
    for name in ("ExposedPorts", "Volumes"):
        config[name] = sorted(config[name] or ())
    if config["Healthcheck"]:
        config["Healthcheck"] = {k: v for k, v in config["Healthcheck"].items() if v}
    for name in ("author", "architecture", "os"):
        config[name] = document.get(name)
    config["history"] = history(
        [bool(entry.get("empty_layer")) for entry in document.get("history") or ()]
    )
    return {name: value for name, value in config.items() if value}


def history(empty: "List[bool]") -> "Dict[str, int]":
    """How many entries of a history stand for files, and how many do not."""
    return {"empty": sum(empty), "with files": len(empty) - sum(empty)}


def without_times_of_directories(tree: Tree, kept: "Tuple[str, ...]" = ()) -> Tree:
    """Which directories a builder touches on its way is its own affair."""
    return {
        path: {
            k: v for k, v in entry.items() if k != "time" or entry["type"] != "d" or path in kept
        }
        for path, entry in tree.items()
    }


def changes(base: Built, built: Built, times: "Tuple[str, ...]" = ()) -> "List[str]":
    """What a build did, one line each."""
    before, after = (without_times_of_directories(x.tree, times) for x in (base, built))
    lines = ["- " + path for path in sorted(set(before) - set(after))]
    for path in sorted(after):
        if after[path] != before.get(path):
            lines.append("%s %s" % (path, sorted(after[path].items())))
    for name in CONFIG_FIELDS:
        if built.config.get(name) != base.config.get(name):
            lines.append("config.%s %r" % (name, built.config.get(name)))
    return lines
