"""The corpus: one small build a directory, what it is built with, and what others make of it otherwise.

    corpus/NAME/Dockerfile, .dockerignore and whatever else: the context
    corpus/NAME/case.json: see Case
    corpus/NAME/prepare.sh: run in the copy of the context, for what git does not keep
    corpus/NAME/Dockerfile.before: built first, as the image `before`
    corpus/NAME/expect: what comes out, where buildah cannot tell; see expectation.py
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, Tuple

CORPUS = Path(__file__).parent / "corpus"
CONTEXT_TIME = 1_000_000_000  # seconds; of every file of a context that prepare.sh does not date
_NOT_CONTEXT = ("case.json", "prepare.sh", "expect", "Dockerfile.before")


@dataclass(frozen=True)
class Explained:
    """One difference from buildah that is meant. `key` is its row in docs/dockerfile.md."""

    key: str
    what: str  # a path of the tree, or "config.Field"
    fields: Tuple[str, ...]  # of the entry; empty: all
    burrow: object  # what Burrow says, where one field is named; None: unchecked


@dataclass(frozen=True)
class Case:
    """What case.json says; `covers` alone is required.

    covers: the rule, in words.
    build_args, target, secrets: of the build.
    ssh: an agent is offered.
    not_buildah: why Debian's buildah cannot build it; such a case has `expect`.
    times: paths of directories whose time is compared, too.
    explained: a list of {"key", "what", "fields", "burrow"}.
    """

    name: str
    covers: str
    build_args: Dict[str, str] = field(default_factory=dict)
    target: str = ""
    secrets: Dict[str, str] = field(default_factory=dict)
    ssh: bool = False
    not_buildah: str = ""
    times: Tuple[str, ...] = ()
    explained: Tuple[Explained, ...] = ()

    @property
    def directory(self) -> Path:
        return CORPUS / self.name

    @property
    def before(self) -> "Path | None":
        path = self.directory / "Dockerfile.before"
        return path if path.exists() else None


def load(name: str) -> Case:
    """Raises TypeError for a field that no case has."""
    said = json.loads((CORPUS / name / "case.json").read_text(encoding="utf-8"))
    explained = tuple(
        Explained(e["key"], e["what"], tuple(e.get("fields", ())), e.get("burrow"))
        for e in said.pop("explained", ())
    )
    times = tuple(said.pop("times", ()))
    return Case(name=name, explained=explained, times=times, **said)


def all_cases() -> "List[Case]":
    return [load(path.name) for path in sorted(CORPUS.iterdir())]


def lay_out(case: Case, directory: Path) -> Path:
    """A copy of the context with fixed modes and times; gives its path."""
    context = directory / "context"
    left = shutil.ignore_patterns(*_NOT_CONTEXT)
    shutil.copytree(case.directory, context, symlinks=True, ignore=left)
    for path in _below(context):
        if not os.path.islink(path):
            runs = os.path.isdir(path) or os.lstat(path).st_mode & 0o100
            os.chmod(path, 0o755 if runs else 0o644)
    _date(context, after_ns=0)
    began = time.time_ns()
    prepare = case.directory / "prepare.sh"
    if prepare.exists():
        subprocess.run(
            ["sh", "-euc", "umask 022; . " + str(prepare)], cwd=context, check=True, timeout=60
        )
    _date(context, after_ns=began - 10**9)
    return context


def _date(directory: Path, after_ns: int) -> None:
    """Gives what is younger the one time; what prepare.sh dated itself keeps that."""
    for path in reversed(_below(directory)):
        if os.lstat(path).st_mtime_ns > after_ns:
            fixed = CONTEXT_TIME * 10**9
            os.utime(path, ns=(fixed, fixed), follow_symlinks=False)


def _below(directory: Path) -> "List[bytes]":
    top = os.fsencode(directory)
    found = [top]
    for place, directories, files in os.walk(top):
        found += [os.path.join(place, name) for name in directories + files]
    return found
