"""Runs clang-tidy over the library code and remembers what was clean.

A source is checked again when it, a header that it includes, its compiler flags, the checks or clang-tidy itself have
changed. Findings are printed once each, however many sources include the header that they are in. The exit status is 1
when there are any.
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
_NOT_CHECKED = re.compile(r"_(test|fuzz)\.cc$|/testing/")
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


def sources(build: Path) -> "Dict[str, List[str]]":
    """The compiler's arguments by source, for all library code that the build compiles."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text()):
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        name = os.path.relpath(path, ROOT)
        if name.startswith("src/") and not _NOT_CHECKED.search(name):
            arguments = shlex.split(entry["command"])
            if "ccache" in arguments:
                arguments = arguments[arguments.index("ccache") + 1 :]
            found[name] = arguments
    return found


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


def check(name: str, arguments: "List[str]", build: Path) -> "List[str]":
    """The findings of one source; none when it is known to be clean."""
    record = build / "clang-tidy" / (name.replace("/", ".") + ".json")
    if is_clean(record, arguments):
        return []
    files = {path: digest_of(path) for path in included_files(arguments, build)}
    command = [TIDY, "-p", str(build), "--quiet", "--warnings-as-errors=*", str(ROOT / name)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    found = list(findings(done.stdout))
    if done.returncode != 0 and not _FINDING.search(done.stdout):
        found.append("%s: %s failed: %s" % (name, TIDY, done.stderr.strip()[-2000:]))
    if not found:
        record.parent.mkdir(exist_ok=True)
        known = {"arguments": arguments, "checks": checks(), "files": files}
        record.write_text(json.dumps(known))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("names", nargs="*", help="sources, e.g. src/net/event.cc; default: all")
    options = parser.parse_args()
    build = options.build.resolve()
    commands = sources(build)
    names = options.names or list(commands)
    shown = set()
    with ThreadPoolExecutor(options.jobs) as pool:
        for found in pool.map(lambda name: check(name, commands[name], build), names):
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
