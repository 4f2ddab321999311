"""What a case that buildah cannot build shall come to, written down by hand from what Docker documents.

Each line is one change of the base image:

    f MODE UID:GID PATH JSON    a file and its content
    d MODE UID:GID PATH         a directory
    l PATH -> TARGET            a link
    - PATH                      gone
    t PATH SECONDS              the time of a path named above, which is else not looked at
    config FIELD JSON           a field of the configuration; the others stay
"""

from __future__ import annotations

import copy
import json
from typing import List

from trees import CONFIG_FIELDS, Built, Entry, Tree


def expected(text: str, base: Built) -> Built:
    """Raises ValueError for a line of no known form."""
    built = copy.deepcopy(base)
    for line in text.splitlines():
        if line.strip() and not line.startswith("#"):
            _apply(line, built)
    return built


def without_unchecked_times(found: Tree, wanted: Tree) -> Tree:
    """`found` without the times that `wanted` says nothing of."""
    return {
        path: {
            k: v for k, v in entry.items() if k != "time" or "time" in wanted.get(path, {"time": 0})
        }
        for path, entry in found.items()
    }


def _apply(line: str, built: Built) -> None:
    kind, _, rest = line.partition(" ")
    if kind == "-":
        del built.tree[rest]
    elif kind == "l":
        path, _, target = rest.partition(" -> ")
        built.tree[path] = {"type": "l", "owner": "0:0", "target": target}
    elif kind == "t":
        path, seconds = rest.split()
        built.tree[path]["time"] = int(seconds)
    elif kind == "config":
        name, _, value = rest.partition(" ")
        if name not in CONFIG_FIELDS:
            raise ValueError("no field of the configuration: " + line)
        built.config[name] = json.loads(value)
    elif kind in ("f", "d"):
        path, entry = _node(kind, rest.split(" ", 3))
        built.tree[path] = entry
    else:
        raise ValueError("no line of an expectation: " + line)


def _node(kind: str, words: "List[str]") -> "tuple[str, Entry]":
    mode, owner, path = words[:3]
    entry: Entry = {"type": kind, "mode": mode, "owner": owner}
    if kind == "f":
        entry["content"] = json.loads(words[3])
    return path, entry
