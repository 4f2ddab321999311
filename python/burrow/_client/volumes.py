"""The methods of burrow.v1.Volumes, and the content of files in volumes."""

from __future__ import annotations

from burrow._client.blobs import BlobClient
from burrow._client.volume_changes import encode_changes, encode_path
from burrow._client.volume_entries import entry_of
from burrow.exception import InvalidError, NotFoundError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from burrow._client.transport import Transport
    from burrow._client.volume_changes import Change
    from burrow._client.volume_entries import FileEntry

# Seconds: what a container wrote, or a large file's content, is read once before the answer.
_CHANGE_TIMEOUT = 1860.0


class VolumeClient:
    """What one server has of volumes. May be used from any thread. Paths are relative, "" the root."""

    def __init__(self, transport: "Transport") -> None:
        self.transport = transport
        self.blobs = BlobClient(transport)

    def get(self, name: str) -> "dict[str, Any]":
        """The VolumeInfo message of a name. Raises NotFoundError."""
        info: "dict[str, Any]" = self._ask("Get", {"name": name})["volume"]
        return info

    def create(self, name: str, may_exist: bool) -> "dict[str, Any]":
        """Makes a volume. Raises AlreadyExistsError."""
        request = {"name": name, "mayExist": may_exist}
        info: "dict[str, Any]" = self._ask("Create", request)["volume"]
        return info

    def all(self) -> "list[dict[str, Any]]":
        """VolumeInfo messages by name."""
        return list(self._ask("List", {}).get("volumes", ()))

    def rename(self, volume_id: str, name: str) -> None:
        """Raises AlreadyExistsError."""
        self._ask("Rename", {"volumeId": volume_id, "name": name})

    def delete(self, volume_id: str) -> None:
        """Raises InvalidError while somebody has it."""
        self._ask("Delete", {"volumeId": volume_id})

    def commit(self, volume_id: str) -> None:
        """From inside a container."""
        self._ask("Commit", {"volumeId": volume_id}, _CHANGE_TIMEOUT)

    def reload(self, volume_id: str) -> None:
        """From inside a container."""
        self._ask("Reload", {"volumeId": volume_id}, _CHANGE_TIMEOUT)

    def change(self, volume_id: str, changes: "list[Change]", keep_existing: bool = False) -> None:
        """Applies changes, all or none; the content of their files is on the server.

        Raises:
            AlreadyExistsError: something would be replaced, and that is not wanted.
        """
        if not changes:
            return
        digest = self.blobs.upload_bytes(encode_changes(changes))
        request = {"volumeId": volume_id, "digest": digest, "keepExisting": keep_existing}
        self._ask("Change", request, _CHANGE_TIMEOUT)

    def entries(self, volume_id: str, path: str, recursive: bool) -> "Iterator[FileEntry]":
        """What lies at a path; directories before what is in them.

        Raises:
            FileNotFoundError: nothing does.
        """
        after = ""
        while True:
            page = self._page(volume_id, path, recursive, after, 0)
            for message in page.get("entries", ()):
                yield entry_of(message)
                after = message["path"]
            if not page.get("more"):
                return

    def find(self, volume_id: str, path: str) -> "FileEntry | None":
        """What is at a path; None for a directory.

        Raises:
            FileNotFoundError: nothing is.
        """
        if not path:
            return None
        for message in self._page(volume_id, path, False, "", 1).get("entries", ()):
            entry = entry_of(message)
            return entry if entry.path == path else None
        return None

    def is_directory(self, volume_id: str, path: str) -> bool:
        """Whether a directory is at the path."""
        try:
            return self.find(volume_id, path) is None
        except FileNotFoundError:
            return False

    def read(self, volume_id: str, path: str) -> "Iterator[bytes]":
        """The content of a file, in pieces.

        Raises:
            FileNotFoundError, IsADirectoryError: there is no such file.
        """
        entry = self.find(volume_id, path)
        if entry is None:
            raise IsADirectoryError("/%s is a directory of the volume." % path)
        return self.content(entry)

    def content(self, entry: "FileEntry") -> "Iterator[bytes]":
        """The content of a file that was listed."""
        if not entry.is_file():
            raise InvalidError("/%s in the volume is no regular file." % entry.path)
        if not entry.digest:
            return iter(())
        return self.blobs.stream(entry.digest)

    def _page(
        self, volume_id: str, path: str, recursive: bool, after: str, limit: int
    ) -> "dict[str, Any]":
        request = {
            "volumeId": volume_id,
            "path": encode_path(path),
            "recursive": recursive,
            "after": after,
            "limit": limit,
        }
        try:
            page: "dict[str, Any]" = self._ask("Entries", request)
            return page
        except NotFoundError as error:
            if not path:
                raise
            self._ask("Entries", {"volumeId": volume_id, "limit": 1})  # is the volume there?
            raise FileNotFoundError("There is no /%s in the volume." % path) from error

    def _ask(self, method: str, request: "dict[str, Any]", timeout: float = 60.0) -> "Any":
        return self.transport.unary("Volumes/" + method, request, timeout)
