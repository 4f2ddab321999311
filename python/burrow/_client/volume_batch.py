"""Local files on their way into a volume."""

from __future__ import annotations

import os
import posixpath
import tempfile
import time

from burrow._client.digest_cache import DigestCache
from burrow._client.files import hash_file
from burrow._client.upload import upload
from burrow._client.volume_changes import put_directory, put_file
from burrow.exception import AlreadyExistsError, InvalidError
from burrow.volume import volume_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType
    from typing import BinaryIO, Iterator

    from burrow._client.files import LocalFile
    from burrow._client.upload import Progress
    from burrow._client.volume_changes import Change
    from burrow.volume import Volume

_MAX_CHANGES = 1_000_000
_PART = 1024 * 1024


class VolumeBatch:
    """What Volume.batch_upload() gives; nothing is sent before the end of its block.

    After an exception in the block nothing is put into the volume.
    """

    def __init__(self, volume: "Volume", force: bool) -> None:
        self._volume = volume
        self._force = force
        self._wanted: "dict[str, tuple[str, int | None]]" = {}  # remote -> (local file, mode)
        self._directories: "dict[str, int]" = {}  # remote -> time
        self._spool: "tempfile.TemporaryDirectory[str] | None" = None
        self.progress: "Progress | None" = None
        self.sent_files = 0
        self.sent_bytes = 0

    def put_file(
        self,
        local_file: "str | os.PathLike[str] | BinaryIO",
        remote_path: "str | os.PathLike[str]",
        mode: "int | None" = None,
    ) -> None:
        """Puts a file of this machine, or what an open one gives from where it is.

        Args:
            local_file: a path, or a file open for reading bytes.
            remote_path: what it becomes; where it ends in "/", the directory that a local file goes into.
            mode: permission bits; those of a local file otherwise, or 0o644.
        """
        remote = os.fspath(remote_path)
        if hasattr(local_file, "read"):
            local = self._keep(local_file)  # type: ignore[arg-type]
            mode = 0o644 if mode is None else mode
            if remote.endswith("/"):
                raise InvalidError("%r names a directory, and an open file has no name." % remote)
        else:
            local = os.path.abspath(os.fspath(local_file))  # type: ignore[arg-type]
            if os.path.isdir(local):
                raise InvalidError("%s is a directory: use put_directory()." % local)
            if remote.endswith("/"):
                remote += os.path.basename(local)
        self._add(volume_path(remote), local, mode)

    def put_directory(
        self,
        local_path: "str | os.PathLike[str]",
        remote_path: "str | os.PathLike[str]",
        recursive: bool = True,
    ) -> None:
        """Puts what is in a directory of this machine into one of the volume.

        Links to files count as files, links to directories are passed over.

        Args:
            recursive: with what is in directories below, too.
        """
        top = os.path.abspath(os.fspath(local_path))
        if not os.path.isdir(top):
            raise InvalidError("%s is no directory of this machine." % top)
        remote = volume_path(remote_path)
        empty = True
        for path, local, is_directory in _walk(top, recursive):
            empty = False
            target = posixpath.join(remote, path)
            if is_directory:
                self._directories[target] = os.stat(local).st_mtime_ns
            else:
                self._add(target, local, None)
        if empty and remote:
            self._directories[remote] = os.stat(top).st_mtime_ns

    def _add(self, remote: str, local: str, mode: "int | None") -> None:
        if not remote:
            raise InvalidError("A file cannot be the root of a volume: name a path below it.")
        self._wanted[remote] = (local, mode)
        if len(self._wanted) + len(self._directories) > _MAX_CHANGES:
            raise InvalidError("More than %d files at once: upload fewer." % _MAX_CHANGES)

    def _keep(self, source: "BinaryIO") -> str:
        """A copy on the disk: its digest is asked for before it is sent."""
        if self._spool is None:
            self._spool = tempfile.TemporaryDirectory(prefix="burrow-upload-")
        path = os.path.join(self._spool.name, str(len(self._wanted)) + "-" + os.urandom(4).hex())
        with open(path, "xb") as file:
            while True:
                part = source.read(_PART)
                if not isinstance(part, (bytes, bytearray)):
                    raise InvalidError("A file to upload must be open for bytes, not for text.")
                if not part:
                    return path
                file.write(part)

    def _send(self) -> None:
        cache = DigestCache()
        now = time.time_ns()
        files: "list[LocalFile]" = []
        changes: "list[Change]" = [put_directory(*item) for item in self._directories.items()]
        for remote, (local, mode) in sorted(self._wanted.items()):
            file = hash_file("file", local, cache)
            if mode is not None:
                file.mode = mode & 0o7777
            spooled = self._spool is not None and local.startswith(self._spool.name)
            changes.append(put_file(remote, file, now if spooled else os.stat(local).st_mtime_ns))
            if file.size:
                files.append(file)
        client = self._volume._client()
        volume_id = self._volume.object_id
        self.sent_files, self.sent_bytes = upload(files, client.blobs, self.progress)
        cache.save()
        try:
            client.change(volume_id, changes, not self._force)
        except AlreadyExistsError as error:
            raise FileExistsError("%s (force=True does)" % error) from None

    def __enter__(self) -> "VolumeBatch":
        return self

    def __exit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        try:
            if error is None:
                self._send()
        finally:
            if self._spool is not None:
                self._spool.cleanup()

    async def __aenter__(self) -> "VolumeBatch":
        return self

    async def __aexit__(
        self,
        kind: "type[BaseException] | None",
        error: "BaseException | None",
        traceback: "TracebackType | None",
    ) -> None:
        from burrow._client.async_bridge import call

        await call(self.__exit__, (kind, error, traceback), {})


def _walk(top: str, recursive: bool) -> "Iterator[tuple[str, str, bool]]":
    """(relative path, local path, whether it is an empty directory) of each file below."""
    pending = [("", top)]
    while pending:
        relative, local = pending.pop()
        empty = True
        for item in sorted(os.scandir(local), key=lambda one: one.name):
            empty = False
            path = posixpath.join(relative, item.name)
            if item.is_dir(follow_symlinks=False):
                if recursive:
                    pending.append((path, item.path))
            elif item.is_file():
                yield path, item.path, False
        if empty and relative:
            yield relative, local, True
