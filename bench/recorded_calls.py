"""The file system calls of a command, by strace, in the form that `replay` reads."""

from __future__ import annotations

import os
import re
from typing import Iterable, Iterator

from processes import run

_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)$")
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_KINDS = {
    "stat": "stat",
    "lstat": "lstat",
    "newfstatat": "stat",
    "statx": "stat",
    "open": "open",
    "openat": "open",
    "readlink": "readlink",
    "readlinkat": "readlink",
    "access": "access",
    "faccessat": "access",
    "faccessat2": "access",
}
_ELSEWHERE = ("/proc", "/dev", "/sys", "/tmp")


def record(root: str, command: "Iterable[str]", path: str) -> int:
    """Runs the command inside `root` and writes its calls; gives how many they are."""
    trace = path + ".strace"
    chroot = ["chroot", root, *command]
    run(["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file,chdir", "-o", trace, *chroot])
    with open(trace, encoding="utf-8", errors="replace") as file:
        calls = list(parse(_inside(file)))
    os.unlink(trace)
    with open(path, "w", encoding="utf-8") as file:
        file.writelines("%s %s\n" % call for call in calls)
    return len(calls)


def _inside(lines: "Iterable[str]") -> "Iterator[str]":
    """What comes after the chroot."""
    iterator = iter(lines)
    for line in iterator:
        if "chroot(" in line:
            break
    yield from iterator


def parse(lines: "Iterable[str]") -> "Iterator[tuple[str, str]]":
    """Lines of strace to (kind, path): absolute paths of the root filesystem alone."""
    for line in lines:
        call = _CALL.match(line)
        if call is None or call.group(1) not in _KINDS:
            continue
        name, arguments = call.groups()
        string = _STRING.search(arguments)
        if string is None or not string.group(1).startswith("/"):
            continue
        path = string.group(1)
        if path.startswith(_ELSEWHERE) or "\\" in path:
            continue
        kind = _KINDS[name]
        if "AT_SYMLINK_NOFOLLOW" in arguments and kind == "stat":
            kind = "lstat"
        if kind == "open" and "O_DIRECTORY" in arguments:
            kind = "list"
        if kind == "open" and re.search(r"O_WRONLY|O_RDWR|O_CREAT", arguments):
            continue
        yield kind, path
