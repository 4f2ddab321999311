"""How far each method of the API reaches is said in one place, and for each of them."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
REACH = ROOT / "src/api/method_reach.cc"
CROSSING = ROOT / "src/control/workspace_reach_test.cc"


def declared_methods() -> set[str]:
    methods: set[str] = set()
    for proto in sorted((ROOT / "proto/burrow/v1").glob("*.proto")):
        for service, body in re.findall(
            r"^service (\w+) \{\n(.*?)^\}", proto.read_text(), re.S | re.M
        ):
            methods.update(
                f"{service}/{name}" for name in re.findall(r"^\s*rpc (\w+)\(", body, re.M)
            )
    return methods


def listed_methods(name: str = r"kOf\w+") -> list[str]:
    lists = re.findall(name + r"\[\] = \{(.*?)\};", REACH.read_text(), re.S)
    return [method for one in lists for method in re.findall(r'"(\w+/\w+)"', one)]


def test_each_method_is_in_one_of_the_lists_that_say_how_far_it_reaches() -> None:
    listed = listed_methods()
    assert len(declared_methods()) > 40
    assert declared_methods() - set(listed) == set(), f"list them in {REACH.name}"
    assert sorted(set(listed)) == sorted(listed), "a method is listed twice"
    assert set(listed) - declared_methods() == set(), "there is no such method"


def test_each_method_of_a_workspace_is_tried_from_another_one() -> None:
    tried = set(re.findall(r'"(\w+/\w+)"', CROSSING.read_text()))
    assert set(listed_methods("kOfWorkspaces")) - tried == set(), f"try them in {CROSSING.name}"
