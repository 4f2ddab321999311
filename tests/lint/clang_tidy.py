"""Runs clang-tidy over the library code and remembers what was clean.

Sources are checked as they are compiled, many of a module in one unit: nine tenths of the time go into the headers. A unit
is checked again when one of its files, a header, its compiler flags, the checks or clang-tidy itself have changed. Findings
are printed once each, however many units include the header that they are in. The exit status is 1 when there are any.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Dict, Iterator, List, Optional

ROOT = Path(__file__).resolve().parents[2]
TIDY = "clang-tidy-19"
_NOT_CHECKED = re.compile(r"_(test|fuzz)\.cc$|/testing/|_(test|testing)\.dir/")
_INCLUDE = re.compile(r'^#include "(.+)"$', re.M)
_FINDING = re.compile(r"^(?P<path>/[^:\n]+):\d+:\d+: (?:fatal error|error|warning): ", re.M)


@lru_cache(maxsize=None)
def digest_of(path: str) -> str:
    """SHA-256 of a file, "" when it is gone."""
    try:
        return hashlib.sha256(Path(path).read_bytes()).hexdigest()
    except OSError:
        return ""


@lru_cache(maxsize=None)
def checks() -> str:
    """What decides about findings beside the code: the version and the configuration."""
    version = subprocess.run([TIDY, "--version"], capture_output=True, text=True, check=True).stdout
    return version + (ROOT / ".clang-tidy").read_text() + digest_of(str(Path(__file__)))


def parts(path: Path) -> "List[str]":
    """The sources that a unit consists of, as paths in the checkout."""
    files = _INCLUDE.findall(path.read_text()) if "Unity" in path.parts else [str(path)]
    return [os.path.relpath(file, ROOT) for file in files]


class Unit:
    """What is compiled at once.

    Attributes:
        name: its last source, by which its record is found.
        file: what the compiler is given.
        arguments: the compiler's.
    """

    def __init__(self, entry: "Dict[str, str]") -> None:
        path = Path(os.path.normpath(os.path.join(entry["directory"], entry["file"])))
        self.file = str(path)
        self.parts = parts(path)
        self.name = self.parts[-1]
        self.arguments = shlex.split(entry["command"])
        if "ccache" in self.arguments:
            self.arguments = self.arguments[self.arguments.index("ccache") + 1 :]


def units(build: Path) -> "List[Unit]":
    """All library code that the build compiles."""
    entries = json.loads((build / "compile_commands.json").read_text())
    entries = [entry for entry in entries if not _NOT_CHECKED.search(entry["file"])]
    return [
        unit for unit in map(Unit, entries) if all(part.startswith("src/") for part in unit.parts)
    ]


def included_files(arguments: "List[str]", directory: Path) -> "List[str]":
    """Every file that a compilation reads."""
    kept = arguments[: arguments.index("-o")] + ["-M", arguments[-1]]
    done = subprocess.run(kept, cwd=directory, capture_output=True, text=True, check=True)
    _, _, files = done.stdout.replace("\\\n", " ").partition(":")
    return [str(directory / name) for name in shlex.split(files)]


def is_clean(record: Path, arguments: "List[str]") -> bool:
    """Whether the last run over exactly this had no findings."""
    try:
        known = json.loads(record.read_text())
    except (OSError, ValueError):
        return False
    return (
        known["arguments"] == arguments
        and known["checks"] == checks()
        and all(digest_of(path) == digest for path, digest in known["files"].items())
    )


def findings(output: str) -> "Iterator[str]":
    """The findings in clang-tidy's output, each with its notes.

    What the analyzer reports outside src/ is left out: it follows a coroutine into Boost and says there that the
    promise, whose construction it does not see, is uninitialized. NOLINT cannot be written into those headers.
    """
    current: "Optional[List[str]]" = None
    for line in output.splitlines():
        found = _FINDING.match(line)
        if found:
            if current:
                yield "\n".join(current)
            ours = os.path.normpath(found["path"]).startswith(str(ROOT / "src") + "/")
            current = [line] if ours or "[clang-analyzer-" not in line else None
        elif current is not None:
            current.append(line)
    if current:
        yield "\n".join(current)


def check(unit: Unit, build: Path) -> "List[str]":
    """The findings of one unit; none when it is known to be clean."""
    record = build / "clang-tidy" / (unit.name.replace("/", ".") + ".json")
    if is_clean(record, unit.arguments):
        return []
    files = {path: digest_of(path) for path in included_files(unit.arguments, build)}
    command = [TIDY, "-p", str(build), "--quiet", "--warnings-as-errors=*", unit.file]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = list(findings(done.stdout))
    if done.returncode != 0 and not _FINDING.search(done.stdout):
        found.append("%s: %s failed: %s" % (unit.name, TIDY, done.stderr.strip()[-2000:]))
    if not found:
        record.parent.mkdir(exist_ok=True)
        known = {"arguments": unit.arguments, "checks": checks(), "files": files}
        record.write_text(json.dumps(known))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("names", nargs="*", help="sources, e.g. src/net/event.cc; default: all")
    options = parser.parse_args()
    build = options.build.resolve()
    wanted = set(options.names)
    chosen = [unit for unit in units(build) if not wanted or wanted.intersection(unit.parts)]
    shown = set()
    with ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda unit: check(unit, build), chosen):
            for finding in found:
                first = finding.split("\n", 1)[0]
                if first not in shown:
                    shown.add(first)
                    print(finding, flush=True)
    if shown:
        print("%d findings" % len(shown), file=sys.stderr)
    return 1 if shown else 0


if __name__ == "__main__":
    sys.exit(main())
