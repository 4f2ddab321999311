"""The files of an image's archive by name, in an OCI layout's directory or in a tar that is not compressed.

An archive may be anybody's: what is odd about it makes it unreadable here, and the server says what is wrong.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
import tarfile

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Optional

_MAX_MEMBERS = 10_000
_MAX_HEADER = 64 * 1024  # of one member, with its long names
_BLOCK = 512


class Unreadable(Exception):
    """Nothing that can be read by parts."""


class FilePart:
    """A file of the archive: `size` bytes from `offset` of a file of this machine."""

    __slots__ = ("path", "offset", "size")

    def __init__(self, path: str, offset: int, size: int) -> None:
        self.path = path
        self.offset = offset
        self.size = size

    def open(self) -> "BinaryIO":
        """The file at the part's beginning.

        Raises:
            InvalidError: it cannot be read.
        """
        try:
            file = open(self.path, "rb")
        except OSError as error:
            raise InvalidError("Cannot read %s: %s." % (self.path, error.strerror)) from None
        file.seek(self.offset)
        return file


class ArchiveFiles:
    """Finds files by their names in the archive."""

    def find(self, name: str) -> "Optional[FilePart]":
        """None where there is no regular file of that name."""
        raise NotImplementedError


class DirectoryFiles(ArchiveFiles):
    """Of a directory. Links are not followed, and no name leads out of it."""

    def __init__(self, root: str) -> None:
        self._root = root

    def find(self, name: str) -> "Optional[FilePart]":
        parts = name.split("/")
        if "\0" in name or any(part in ("", ".", "..") for part in parts):
            return None
        path = self._root
        for part in parts:
            path = os.path.join(path, part)
            try:
                status = os.lstat(path)
            except OSError:
                return None
            if stat.S_ISLNK(status.st_mode):
                return None
        return FilePart(path, 0, status.st_size) if stat.S_ISREG(status.st_mode) else None


class TarFiles(ArchiveFiles):
    """Of a tar; the last member of a name counts, and a link to another member is followed once.

    Raises:
        Unreadable: the file is no whole tar, or is compressed, or has too many members.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._parts: "dict[str, FilePart]" = {}
        self._links: "dict[str, str]" = {}
        try:
            if not os.path.isfile(path):
                raise Unreadable("no regular file")  # a pipe can be read once
            with open(path, "rb") as file:
                self._list(_BoundedReads(file))
        except (OSError, ValueError, tarfile.TarError) as error:
            raise Unreadable(str(error)) from None

    def find(self, name: str) -> "Optional[FilePart]":
        return self._parts.get(self._links.get(name, name))

    def _list(self, file: "_BoundedReads") -> None:
        archive = tarfile.TarFile(fileobj=file, errorlevel=2)  # type: ignore[arg-type]
        for count, member in enumerate(archive):
            if count == _MAX_MEMBERS:
                raise Unreadable("too many members")
            self._add(member)
        # The iteration ends at a damaged header as it does at the archive's end.
        file.seek(archive.offset)
        if file.read(_BLOCK) != bytes(_BLOCK):
            raise Unreadable("the archive's end is missing")

    def _add(self, member: tarfile.TarInfo) -> None:
        name = posixpath.normpath(member.name).lstrip("/")
        self._parts.pop(name, None)
        self._links.pop(name, None)
        if member.issym():
            target = posixpath.join(posixpath.dirname(name), member.linkname)
            self._links[name] = posixpath.normpath(target)
        elif member.islnk():
            self._links[name] = posixpath.normpath(member.linkname).lstrip("/")
        elif member.issparse():
            raise Unreadable("a sparse member")
        elif member.isreg():
            self._parts[name] = FilePart(self._path, member.offset_data, member.size)


class _BoundedReads(io.RawIOBase):
    """A file of which a tar's headers are read: they say how much more belongs to them."""

    def __init__(self, file: "BinaryIO") -> None:
        self._file = file

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MAX_HEADER:
            raise ValueError("a header of %d bytes" % size)
        return self._file.read(size)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()
