"""Ordinary Modal programs run after `import burrow as modal`.

Each says at its end, in comments, what it is `given:` on the command line, which app it `deploys:`, what it
`prints:` (or `prints in any order:`), what it `prints remotely:`, whose lines come by another connection and so
anywhere between the others (`prints remotely 9 times:` for one line again and again), with which code it
`exits:`, and what it `complains:` on stderr.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import List, Tuple

import pytest

from daemon import ROOT, Run

PROGRAMS = sorted((ROOT / "tests" / "modal_programs").glob("*.py"))


class Expected:
    """What a program's closing comments say."""

    def __init__(self, text: str) -> None:
        closing = re.search(r"(?:^#[^\n]*\n)+\Z", text, re.M)
        assert closing is not None, "the program does not say what it prints"
        self.lines: List[str] = []
        self.remote: List[str] = []
        self.complaints: List[str] = []
        self.arguments: List[str] = []
        self.deployed: List[str] = []
        self.code, self.in_order = 0, True
        self._times = 1
        self._section = self.lines
        for line in closing.group().splitlines():
            self._add(line[2:])

    def _add(self, line: str) -> None:
        repeated = re.fullmatch(r"prints remotely (\d+) times:", line)
        if repeated:
            self._section, self._times = self.remote, int(repeated[1])
        elif line.startswith("deploys: "):
            self.deployed.append(line[9:])
        elif line.startswith("given: "):
            self.arguments = shlex.split(line[7:])
        elif line in ("prints:", "prints in any order:"):
            self.in_order = line == "prints:"
        elif line == "prints remotely:":
            self._section, self._times = self.remote, 1
        elif line.startswith("exits: "):
            self.code = int(line[7:])
        elif line.startswith("complains: "):
            self.complaints.append(line[11:])
        else:
            self._section += [line] * self._times

    def is_printed_by(self, printed: List[str]) -> bool:
        """Whether these are all of the lines, each kind of them in its order."""
        if sorted(printed) != sorted(self.lines + self.remote):
            return False
        return not self.in_order or all(
            is_subsequence(one, printed) for one in (self.lines, self.remote)
        )


def is_subsequence(wanted: List[str], lines: List[str]) -> bool:
    left = iter(lines)
    return all(line in left for line in wanted)


def name_of(path: Path) -> str:
    return path.stem


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_a_modal_program_does_what_it_says(burrow: Run, program: Path) -> None:
    expected = Expected(program.read_text())
    ended = burrow("run", str(program), *expected.arguments)
    for app in expected.deployed:
        burrow("app", "stop", app)
    assert ended.returncode == expected.code, ended.stdout + ended.stderr
    assert expected.is_printed_by(ended.stdout.splitlines()), ended.stdout + ended.stderr
    for complaint in expected.complaints:
        assert complaint in ended.stderr


def test_the_checks_of_programs_notice(tmp_path: Path) -> None:
    cases: List[Tuple[str, object]] = [
        ("x\n# prints:\n# a\n# exits: 3\n", (["a"], 3, True)),
        ("# prints in any order:\n# b\n# complains: c\n", (["b"], 0, False)),
    ]
    for text, wanted in cases:
        found = Expected(text)
        assert (found.lines, found.code, found.in_order) == wanted
    given = Expected(
        "# given: -n 'a b'\n# deploys: shop\n# prints remotely 3 times:\n# a\n# prints remotely:\n# b\n"
    )
    assert given.deployed == ["shop"]
    assert (given.arguments, given.remote) == (["-n", "a b"], ["a", "a", "a", "b"])
    mixed = Expected("# prints:\n# a\n# b\n# prints remotely:\n# c\n# d\n")
    assert mixed.is_printed_by(["a", "c", "d", "b"]) and mixed.is_printed_by(["c", "a", "b", "d"])
    assert not mixed.is_printed_by(["b", "a", "c", "d"]) and not mixed.is_printed_by(
        ["d", "a", "c", "b"]
    )
    assert not mixed.is_printed_by(["a", "b", "c"]) and not mixed.is_printed_by(
        ["a", "b", "c", "d", "d"]
    )
