"""Reads the layout of the source tree: modules, their include lines and their CMake dependencies."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Iterator

# From high to low; a module may use those of lower rows.
ROWS = (
    ("cmd",),
    ("control", "worker"),
    ("api", "builder", "oci"),
    ("scheduler", "runtime", "volume"),
    ("store", "imagefs"),
    ("link", "image", "dockerfile"),
    ("net", "cas"),
    ("os",),
    ("base",),
)
# The only edges inside a row.
WITHIN_A_ROW = {("cas", "net")}
# Generated messages: for every module from this row up.
PROTO = "proto"
LOWEST_ROW_WITH_PROTO = 5
# Modules that decide and do nothing: no sockets, no disks.
PURE = {"scheduler": {"base"}, "dockerfile": {"base"}}

MODULES = tuple(module for row in ROWS for module in row)
_ROW_OF = {module: number for number, row in enumerate(ROWS) for module in row}

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.M)
_BEAST = re.compile(r"^[ \t]*#[ \t]*include[ \t]*<boost/beast", re.M)
_INTERNAL = re.compile(r'^#include "(\w+)/\w+_internal\.h"', re.M)
_CALL = re.compile(r"burrow_module\((\w+)([^)]*)\)")
_TARGET = re.compile(r"\bburrow_(\w+)")
_COMMENT = re.compile(r"#[^\n]*")
_NOT_MODULES = {"module", "options"}


def may_use(user: str, used: str) -> bool:
    """Whether `user` may include headers of `used`."""
    if user == used:
        return True
    if user in PURE:
        return used in PURE[user]
    if used == PROTO:
        return user in _ROW_OF and _ROW_OF[user] <= LOWEST_ROW_WITH_PROTO
    if user not in _ROW_OF or used not in _ROW_OF:
        return False
    return _ROW_OF[user] < _ROW_OF[used] or (user, used) in WITHIN_A_ROW


@dataclass
class Module:
    """One folder of src/ with what it says about itself."""

    directory: Path
    declared: "set[str]" = field(default_factory=set)
    declared_for_tests: "set[str]" = field(default_factory=set)

    @property
    def name(self) -> str:
        return self.directory.name

    def sources(self) -> "Iterator[Path]":
        """Every C++ file of the module, its testing/ folder included."""
        for path in sorted(self.directory.rglob("*")):
            if path.suffix in (".h", ".cc"):
                yield path

    def uses(self, tests: bool) -> "dict[str, Path]":
        """Other modules that its tests and fuzzers, or else its library, include; with a file that does."""
        found: "dict[str, Path]" = {}
        for path in self.sources():
            if is_test(path) == tests:
                for used in included_modules(path):
                    if used != self.name:
                        found.setdefault(used, path)
        return found


def modules(source: Path) -> "list[Module]":
    """The modules of a src/ folder, with the dependencies that their CMakeLists.txt declare."""
    found = []
    for directory in sorted(path for path in source.iterdir() if path.is_dir()):
        module = Module(directory)
        lists = directory / "CMakeLists.txt"
        if lists.is_file():
            module.declared, module.declared_for_tests = declared_modules(lists.read_text())
        found.append(module)
    return found


def declared_modules(lists: str) -> "tuple[set[str], set[str]]":
    """Modules that a CMakeLists.txt links: DEPS, and TEST_DEPS beyond them."""
    lists = _COMMENT.sub("", lists)
    call = _CALL.search(lists)
    if call is None:
        return set(_TARGET.findall(lists)) - _NOT_MODULES, set()
    library, _, tests = call.group(2).partition("TEST_DEPS")
    return set(_TARGET.findall(library)), set(_TARGET.findall(tests))


def included_modules(path: Path) -> "set[str]":
    """Modules whose headers a file includes by "module/header.h"."""
    used = set()
    for include in _INCLUDE.findall(path.read_text(encoding="utf-8")):
        first, slash, _ = include.partition("/")
        if slash:
            used.add(PROTO if first == "burrow" else first)
    return used


def includes_beast(path: Path) -> bool:
    """Whether a file includes a header of Boost.Beast."""
    return _BEAST.search(path.read_text(encoding="utf-8")) is not None


def is_internal(path: Path) -> bool:
    """Whether a header is for the sources of its own module alone."""
    return path.name.endswith("_internal.h")


def owners_of_internal_headers(path: Path) -> "set[str]":
    """The modules whose internal headers a file includes."""
    return set(_INTERNAL.findall(path.read_text(encoding="utf-8")))


def is_test(path: Path) -> bool:
    """Whether a C++ file is a test or a fuzz target."""
    return path.stem.endswith(("_test", "_fuzz"))


def has_its_header(path: Path) -> bool:
    """Whether a .cc file has a header of its name, or implements a part of another one beside it."""
    if path.with_suffix(".h").is_file():
        return True
    text = path.read_text(encoding="utf-8")
    beside = (path.parent / include.rpartition("/")[2] for include in _INCLUDE.findall(text))
    return any(header.is_file() for header in beside)
