from __future__ import annotations

import json
from typing import Any, Dict, List

import pytest
from small_burrowd import SmallBurrowd
from test_command_line import burrow

from burrow.cli.image_store import _short

DESCRIPTION: Dict[str, Any] = {
    "info": {"imageId": "im-1", "names": ["web"], "files": "3", "bytes": "1500"},
    "env": ["A=1"],
    "entrypoint": ["/bin/x"],
    "labels": {"b": "2", "a": "1"},
    "healthcheck": {"test": ["NONE"]},
    "history": [
        {"createdBy": "FROM debian", "createdMs": "1"},
        {"createdBy": "ENV A=1", "emptyLayer": True},
        {"createdBy": "RUN <<E\n\techo  x\x1b\nE"},
    ],
}


def test_tag(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Images/Tag"] = lambda request: {"image": {"imageId": "im-1"}}
    assert burrow("image", "tag", "im-1", "web").stdout == "im-1 is named web\n"
    assert burrowd.called("Images/Tag") == [{"image": "im-1", "name": "web"}]


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_inspect_has_every_key(burrowd: SmallBurrowd, options: List[str]) -> None:
    burrowd.methods["Images/Inspect"] = lambda request: DESCRIPTION
    full = json.loads(burrow("image", "inspect", "web", *options).stdout)
    assert (full["id"], full["files"], full["entrypoint"]) == ("im-1", 3, ["/bin/x"])
    assert list(full["labels"]) == ["a", "b"]
    assert full["history"][1] == {"createdBy": "ENV A=1", "emptyLayer": True, "createdMs": 0}
    burrowd.methods["Images/Inspect"] = lambda request: {}
    empty = json.loads(burrow("image", "inspect", "web", *options).stdout)
    assert list(empty) == list(full)
    assert empty["healthcheck"] is None and empty["user"] == "" and empty["volumes"] == []


def test_history_is_a_table_of_instructions(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Images/Inspect"] = lambda request: DESCRIPTION
    lines = burrow("image", "history", "web").stdout.splitlines()
    assert [line.split(None, 2) for line in lines[1:]] == [
        [lines[1].split()[0], "files", "FROM debian"],
        ["-", "-", "ENV A=1"],
        ["-", "files", "RUN <<E echo x  E"],
    ]
    assert lines[0].split() == ["AGE", "CHANGED", "CREATED", "BY"]
    assert len(_short("x" * 500)) == 100


def test_rm_says_what_went(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Images/Remove"] = lambda request: {
        "removedNames": ["web"],
        "removedImages": ["im-1"],
    }
    done = burrow("image", "rm", "web", "im-1", "--force")
    assert done.stdout == "Untagged: web\nRemoved: im-1\n"
    assert burrowd.called("Images/Remove") == [{"images": ["web", "im-1"], "force": True}]


@pytest.mark.parametrize(
    "options, images, steps, mounts",
    [
        ([], True, False, False),
        (["--steps"], False, True, False),
        (["--cache-mounts"], False, False, True),
        (["--steps", "--cache-mounts"], False, True, True),
        (["--all"], True, True, True),
    ],
)
def test_prune_removes_what_it_is_told(
    burrowd: SmallBurrowd, options: List[str], images: bool, steps: bool, mounts: bool
) -> None:
    burrowd.methods["Images/Prune"] = lambda request: {"images": 2, "cacheMounts": 1}
    done = burrow("image", "prune", *options)
    assert done.stdout.startswith("Removed: 2 images, 0 cached steps, 1 cache mounts.")
    request = {"images": images, "steps": steps, "cacheMounts": mounts}
    assert burrowd.called("Images/Prune") == [request]


def test_logs_are_printed_whole(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Images/Logs"] = lambda request: iter(
        [{"lines": ["[1/2] RUN a", "one"]}, {}, {"lines": ["two"]}]
    )
    assert burrow("image", "logs", "bd-1").stdout == "[1/2] RUN a\none\ntwo\n"
    assert burrowd.called("Images/Logs") == [{"build": "bd-1"}]
