"""What travels into containers needs nothing that an image need not have, nor a newer Python."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Iterator

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "python" / "burrow"
BY_NAME = ("__import__", "import_late", "call_late", "import_module")
OLDEST = (3, 8)  # Python that an image may have, as pyproject.toml says
# What serializes by value where it is there; all else works without it.
OPTIONAL = {"_serialization.py": {"cloudpickle"}}


def sources() -> "list[Path]":
    return sorted(PACKAGE.rglob("*.py"))


def imported(text: str) -> "Iterator[str]":
    """The top-level modules that a file imports, wherever in it, by statement or by a literal name."""
    for node in executed(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield top_of(alias.name)
        elif isinstance(node, ast.ImportFrom):
            yield "burrow" if node.level else top_of(node.module or "")
        elif isinstance(node, ast.Call) and node.args and called(node) in BY_NAME:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield top_of(name.value)


def executed(node: ast.AST) -> "Iterator[ast.AST]":
    """A node and all below it but for what only type checkers read."""
    yield node
    checked = isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING"
    below = node.orelse if isinstance(node, ast.If) and checked else ast.iter_child_nodes(node)
    for child in below:
        yield from executed(child)


def called(node: ast.Call) -> str:
    return str(getattr(node.func, "attr", getattr(node.func, "id", "")))


def top_of(name: str) -> str:
    return name.partition(".")[0]


def test_every_way_to_import_is_seen() -> None:
    text = "import a.b\ndef f():\n  from c.d import e\n  from . import x\n  __import__('g')\n"
    text += "  imports.import_late('h.i')\n  call_late('j', 'k')\n"
    text += "if TYPE_CHECKING:\n  import k\nelse:\n  import l\n"
    assert sorted(imported(text)) == ["a", "burrow", "c", "g", "h", "j", "l"]


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_the_runner_and_the_sdk_import_only_the_standard_library(path: Path) -> None:
    known = {"burrow", *sys.stdlib_module_names, *OPTIONAL.get(path.name, ())}
    assert set(imported(path.read_text())) - known == set()


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_may_meet_an_old_python_has_its_grammar(path: Path) -> None:
    ast.parse(path.read_text(), feature_version=OLDEST)


@pytest.mark.parametrize("newer", ["match x:\n  case 1: pass", "with (a as b, c as d): pass"])
def test_newer_grammar_is_noticed(newer: str) -> None:
    with pytest.raises(SyntaxError):
        ast.parse(newer, feature_version=OLDEST)


def test_the_runner_is_among_them() -> None:
    assert len([path for path in sources() if path.parent.name == "_runner"]) > 10
