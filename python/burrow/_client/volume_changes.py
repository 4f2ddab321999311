"""Changes of volumes as burrow.v1.VolumeChanges encodes them."""

from __future__ import annotations

import base64
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

    from burrow._client.files import LocalFile

PUT = 1
REMOVE = 2
OPAQUE_DIRECTORY = 3
COPY = 5

_VARINT, _BYTES = 0, 2


class Change:
    """A VolumeChange message. Paths are relative."""

    __slots__ = ("kind", "path", "mode", "size", "mtime_ns", "digest", "target")

    def __init__(
        self,
        kind: int,
        path: str,
        mode: int = 0,
        size: int = 0,
        mtime_ns: int = 0,
        digest: str = "",
        target: str = "",
    ) -> None:
        self.kind = kind
        self.path = path
        self.mode = mode
        self.size = size
        self.mtime_ns = mtime_ns  # nanoseconds of Unix time
        self.digest = digest  # hex
        self.target = target


def put_file(path: str, file: "LocalFile", mtime_ns: int) -> Change:
    """A local file, under a path of the volume."""
    digest = file.digest if file.size else ""
    return Change(PUT, path, stat.S_IFREG | file.mode, file.size, mtime_ns, digest)


def put_directory(path: str, mtime_ns: int) -> Change:
    """An empty directory; where there is one, it keeps what is in it."""
    return Change(PUT, path, stat.S_IFDIR | 0o755, 0, mtime_ns)


def encode_path(path: str) -> str:
    """As JSON has bytes."""
    return base64.b64encode(path.encode("utf-8", "surrogateescape")).decode("ascii")


def encode_changes(changes: "Iterable[Change]") -> bytes:
    """The VolumeChanges message."""
    parts = []
    for change in changes:
        data = _encode(change)
        parts.append(_varint(1 << 3 | _BYTES) + _varint(len(data)) + data)
    return b"".join(parts)


def _encode(change: Change) -> bytes:
    seconds, nanoseconds = divmod(change.mtime_ns, 1_000_000_000)
    return b"".join(
        (
            _number(1, change.kind),
            _field(2, change.path.encode("utf-8", "surrogateescape")),
            _number(3, change.mode),
            _number(7, change.size),
            _number(8, seconds),
            _number(9, nanoseconds),
            _field(10, bytes.fromhex(change.digest)),
            _field(12, change.target.encode("utf-8", "surrogateescape")),
        )
    )


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3 | _VARINT) + _varint(value & (1 << 64) - 1) if value else b""


def _field(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | _BYTES) + _varint(len(value)) + value if value else b""


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
