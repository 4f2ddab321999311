"""Files of a volume on their way to this machine.

Whatever names the volume holds, nothing is written outside the chosen directory: each part of a path is
opened below the one before, and no link that lies there is followed.
"""

from __future__ import annotations

import os
import posixpath

from burrow._client.volume_entries import FileEntryType
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import BinaryIO, Iterable

    from burrow._client.volume_entries import FileEntry
    from burrow.volume import Volume

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def print_file(volume: "Volume", remote: str, output: "BinaryIO") -> None:
    """Writes a file of a volume into an open one.

    Raises:
        FileNotFoundError, IsADirectoryError: there is no such file.
    """
    for part in volume.read_file(remote):
        output.write(part)
    output.flush()


def download(volume: "Volume", remote: str, local: str, force: bool) -> "tuple[int, int]":
    """Writes a file, or a directory with all in it; returns how many files and bytes there were.

    Args:
        local: a directory to put it into, or the path that it gets.
        force: replace files that are there.

    Raises:
        FileNotFoundError: there is no `remote`.
        FileExistsError: a file is there, and `force` is not set.
    """
    found = volume._client().find(volume.object_id, remote)
    directory = os.path.isdir(local) or local.endswith("/")
    if found is not None:
        name = posixpath.basename(remote)
        top = local if directory else os.path.dirname(local) or "."
        target = name if directory else os.path.basename(local)
        return _Download(volume, top, force).run([(target, found)])
    top = os.path.join(local, posixpath.basename(remote)) if directory and remote else local
    prefix = remote + "/" if remote else ""
    entries = (
        (entry.path[len(prefix) :], entry) for entry in volume.iterdir(remote, recursive=True)
    )
    return _Download(volume, top, force).run(entries)


class _Download:
    def __init__(self, volume: "Volume", top: str, force: bool) -> None:
        self._volume = volume
        self._top = top
        self._force = force
        self._files = 0
        self._bytes = 0

    def run(self, entries: "Iterable[tuple[str, FileEntry]]") -> "tuple[int, int]":
        os.makedirs(self._top, exist_ok=True)
        root = os.open(self._top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            for path, entry in entries:
                self._write(root, path, entry)
        finally:
            os.close(root)
        return self._files, self._bytes

    def _write(self, root: int, path: str, entry: "FileEntry") -> None:
        parts = path.split("/")
        if any(part in ("", ".", "..") or "\0" in part for part in parts):
            raise InvalidError("The volume holds a file called %r: it is not written." % path)
        if entry.type == FileEntryType.DIRECTORY:
            os.close(self._directory(root, parts))
            return
        parent = self._directory(root, parts[:-1])
        try:
            self._place(parent, parts[-1], path, entry)
        finally:
            os.close(parent)

    def _directory(self, root: int, parts: "list[str]") -> int:
        """Opens a directory below, which is made where it lacks."""
        current = os.dup(root)
        for part in parts:
            try:
                try:
                    os.mkdir(part, dir_fd=current)
                except FileExistsError:
                    pass
                below = os.open(part, _DIRECTORY, dir_fd=current)
            except OSError as error:
                raise InvalidError(
                    "%s in %s is no directory that can be written to: %s."
                    % (part, self._top, error.strerror)
                ) from None
            finally:
                os.close(current)
            current = below
        return current

    def _place(self, parent: int, name: str, path: str, entry: "FileEntry") -> None:
        if entry.type not in (FileEntryType.FILE, FileEntryType.SYMLINK):
            return  # pipes and devices are of use in containers alone
        if not self._force and _is_there(parent, name):
            raise FileExistsError(
                "%s is there already: use --force to replace it." % os.path.join(self._top, path)
            )
        temporary = ".burrow-%s" % os.urandom(8).hex()
        try:
            if entry.type == FileEntryType.SYMLINK:
                os.symlink(entry.target, temporary, dir_fd=parent)
            else:
                self._fetch(parent, temporary, entry)
            os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
        except BaseException as error:
            if _is_there(parent, temporary):
                os.unlink(temporary, dir_fd=parent)
            if isinstance(error, OSError) and not isinstance(error, ConnectionError):
                raise InvalidError(
                    "Cannot write %s: %s." % (os.path.join(self._top, path), error.strerror)
                ) from None
            raise
        self._files += 1

    def _fetch(self, parent: int, name: str, entry: "FileEntry") -> None:
        with open(os.open(name, _NEW_FILE, 0o600, dir_fd=parent), "wb") as file:
            for part in self._volume._client().content(entry):
                file.write(part)
                self._bytes += len(part)
            os.fchmod(file.fileno(), entry.mode & 0o777)
            file.flush()
            os.utime(file.fileno(), (entry.mtime, entry.mtime))


def _is_there(parent: int, name: str) -> bool:
    try:
        os.lstat(name, dir_fd=parent)
    except FileNotFoundError:
        return False
    return True
