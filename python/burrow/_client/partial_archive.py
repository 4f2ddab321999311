"""Sends of an image's archive what the server lacks: documents first, then the layers that it asks for."""

from __future__ import annotations

import os
import tarfile

from burrow._client.archive_files import DirectoryFiles, TarFiles, Unreadable
from burrow._client.image_documents import documents, kind_of
from burrow._client.uploads import Upload
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Optional

    from burrow._client.archive_files import ArchiveFiles, FilePart
    from burrow._client.transport import Transport

_PART = 1024 * 1024
_BLOCK = 512


class PartialArchive:
    """The archive at `path`, of which parts can be sent."""

    def __init__(self, path: str, kind: str, files: "ArchiveFiles") -> None:
        self.kind = kind_of(files, kind)
        self._path = path
        self._files = files
        self._documents = documents(files, self.kind)

    def send(
        self, transport: "Transport", members: "Iterable[str]", on_bytes: "Callable[[int], None]"
    ) -> str:
        """Uploads a tar of the documents and these members; returns the upload's id.

        Raises:
            InvalidError: the archive lacks one of them.
        """
        members = [name for name in members if name not in self._documents]
        parts = [self._part(name) for name in members]
        upload = Upload(transport, on_bytes)
        try:
            for name, content in self._documents.items():
                upload.write(_header(name, len(content)) + content + _padding(len(content)))
            for name, part in zip(members, parts):
                upload.write(_header(name, part.size))
                with part.open() as file:
                    left = part.size
                    while left:
                        data = file.read(min(left, _PART))
                        if not data:
                            raise InvalidError("%s changed while it was read." % part.path)
                        left -= upload.write(data)
                upload.write(_padding(part.size))
            upload.write(bytes(2 * _BLOCK))
            return upload.finish()
        finally:
            upload.close()

    def _part(self, name: str) -> "FilePart":
        part = self._files.find(name)
        if part is None:
            raise InvalidError(
                "%s has no '%s', which is a layer of its image." % (self._path, name)
            )
        return part


def open_partial(path: str, kind: str) -> "Optional[PartialArchive]":
    """The archive, where it is one that can be sent by parts; else it has to be sent whole.

    Args:
        kind: an ArchiveKind; empty for what the archive's files say.
    """
    try:
        files = DirectoryFiles(path) if os.path.isdir(path) else TarFiles(path)
        return PartialArchive(path, kind, files)
    except Unreadable:
        return None


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def _padding(size: int) -> bytes:
    return bytes(-size % _BLOCK)
