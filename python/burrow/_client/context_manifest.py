"""The ContextManifest message as JSON, entry by entry."""

from __future__ import annotations

import os
import stat
from binascii import b2a_base64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

_SECOND = 10**9


def directory_entry(path: str, status: os.stat_result) -> bytes:
    """The ContextEntry of a directory."""
    return _head(path, status, b"TYPE_DIRECTORY") + b"}"


def file_entry(path: str, status: os.stat_result, digest: str) -> bytes:
    """The ContextEntry of a regular file; an empty one has no digest."""
    head = _head(path, status, b"TYPE_FILE")
    if not digest:
        return head + b"}"
    return b'%b,"size":%d,"digest":"%b"}' % (head, status.st_size, digest.encode("ascii"))


def link_entry(path: str, status: os.stat_result, target: str) -> bytes:
    """The ContextEntry of a symbolic link."""
    return b'%b,"target":"%b"}' % (_head(path, status, b"TYPE_SYMLINK"), _base64(target))


def manifest_of(entries: "Iterable[bytes]") -> bytes:
    """The whole message."""
    return b'{"entries":[' + b",\n".join(entries) + b"]}"


def _head(path: str, status: os.stat_result, kind: bytes) -> bytes:
    return b'{"path":"%b","type":"%b","mode":%d,"mtime":%d,"mtimeNs":%d' % (
        _base64(path),
        kind,
        stat.S_IMODE(status.st_mode),
        status.st_mtime_ns // _SECOND,
        status.st_mtime_ns % _SECOND,
    )


def _base64(text: str) -> bytes:
    return b2a_base64(os.fsencode(text), newline=False)
