"""What a file tree is, entry by entry, so that two trees can be compared whole."""

from __future__ import annotations

import hashlib
import os
import stat
from typing import Dict, List, NamedTuple, Tuple


class Entry(NamedTuple):
    """Everything that lstat, the attributes and the content of one name say."""

    mode: int
    owner: Tuple[int, int]
    size: int
    mtime_ns: int
    device: int
    target: bytes  # of a symbolic link
    xattrs: Tuple[Tuple[bytes, bytes], ...]
    content: str  # SHA-256
    first_link: bytes  # the first name of the same inode; b"" where it has one name
    links: int


def walk(root: str) -> "Dict[bytes, Entry]":
    """Every name below `root`, the root itself as b"."."""
    entries: "Dict[bytes, Entry]" = {}
    first_names: "Dict[Tuple[int, int], bytes]" = {}
    top = os.fsencode(root)
    names: "List[bytes]" = [b"."]
    for directory, directories, files in os.walk(top):
        directories.sort()
        names += [os.path.relpath(os.path.join(directory, n), top) for n in directories + files]
    for name in sorted(names):
        entries[name] = _entry(os.path.join(top, name), name, first_names)
    return entries


def differences(expected: "Dict[bytes, Entry]", actual: "Dict[bytes, Entry]") -> "List[str]":
    """One line for each name and field that differ; empty where the trees are equal."""
    lines = ["missing: %r" % name for name in sorted(set(expected) - set(actual))]
    lines += ["unexpected: %r" % name for name in sorted(set(actual) - set(expected))]
    for name in sorted(set(expected) & set(actual)):
        for field, one, other in zip(Entry._fields, expected[name], actual[name]):
            if one != other:
                lines.append("%r: %s is %r, not %r" % (name, field, other, one))
    return lines


def _entry(path: bytes, name: bytes, first_names: "Dict[Tuple[int, int], bytes]") -> Entry:
    info = os.lstat(path)
    is_file, is_directory = stat.S_ISREG(info.st_mode), stat.S_ISDIR(info.st_mode)
    linked = not is_directory and info.st_nlink > 1
    first = first_names.setdefault((info.st_dev, info.st_ino), name) if linked else b""
    return Entry(
        mode=info.st_mode,
        owner=(info.st_uid, info.st_gid),
        size=0 if is_directory else info.st_size,
        mtime_ns=info.st_mtime_ns,
        device=info.st_rdev,
        target=os.readlink(path) if stat.S_ISLNK(info.st_mode) else b"",
        xattrs=_xattrs(path),
        content=_content(path) if is_file else "",
        first_link=first,
        links=0 if is_directory else info.st_nlink,
    )


def _xattrs(path: bytes) -> "Tuple[Tuple[bytes, bytes], ...]":
    names = sorted(map(os.fsencode, os.listxattr(path, follow_symlinks=False)))
    return tuple((name, os.getxattr(path, name, follow_symlinks=False)) for name in names)


def _content(path: bytes) -> str:
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while True:
            block = file.read(1 << 20)
            if not block:
                return digest.hexdigest()
            digest.update(block)
