"""What lies in a volume, as listdir() gives it."""

from __future__ import annotations

import base64
import enum
import stat

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class FileEntryType(enum.IntEnum):
    """What an entry of a volume is."""

    UNSPECIFIED = 0
    FILE = 1
    DIRECTORY = 2
    SYMLINK = 3
    FIFO = 4
    SOCKET = 5


_TYPES = {
    stat.S_IFREG: FileEntryType.FILE,
    stat.S_IFDIR: FileEntryType.DIRECTORY,
    stat.S_IFLNK: FileEntryType.SYMLINK,
    stat.S_IFIFO: FileEntryType.FIFO,
}


class FileEntry:
    """A file or directory of a volume.

    Attributes:
        path: relative to the volume's root; bytes that are no UTF-8 are surrogates.
        type: what it is.
        mtime: seconds of Unix time.
        size: bytes.
        mode: permission bits.
        digest: SHA-256 of a file's content in hex; "" of an empty one and of what is no file.
        target: of a link.

    Example:
        for entry in volume.listdir("/"):
            print(entry.path, entry.type.name, entry.size)
    """

    __slots__ = ("path", "type", "mtime", "size", "mode", "digest", "target")

    def __init__(
        self,
        path: str,
        type: FileEntryType,
        mtime: int,
        size: int,
        mode: int = 0o644,
        digest: str = "",
        target: str = "",
    ) -> None:
        self.path = path
        self.type = type
        self.mtime = mtime
        self.size = size
        self.mode = mode
        self.digest = digest
        self.target = target

    def is_file(self) -> bool:
        """Whether it is a regular file."""
        return self.type == FileEntryType.FILE

    def __repr__(self) -> str:
        return "FileEntry(path=%r, type=%s, mtime=%d, size=%d)" % (
            self.path,
            self.type.name,
            self.mtime,
            self.size,
        )


def entry_of(message: "dict[str, Any]") -> FileEntry:
    """The FileEntry of a VolumeEntry message."""
    mode = int(message.get("mode", 0))
    return FileEntry(
        _text(message.get("path", "")),
        _TYPES.get(stat.S_IFMT(mode), FileEntryType.UNSPECIFIED),
        int(message.get("mtime", 0)),
        int(message.get("size", 0)),
        stat.S_IMODE(mode),
        str(message.get("digest", "")),
        _text(message.get("target", "")),
    )


def _text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "surrogateescape")
