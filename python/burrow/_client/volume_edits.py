"""Removing and copying inside a volume."""

from __future__ import annotations

import posixpath
import stat

from burrow._client.volume_changes import COPY, OPAQUE_DIRECTORY, REMOVE, Change
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from burrow._client.volumes import VolumeClient


def remove(client: "VolumeClient", volume_id: str, path: str, recursive: bool) -> None:
    """Removes what is at a path.

    Raises:
        FileNotFoundError: nothing is.
        IsADirectoryError: a directory is, and not all in it is to be removed.
    """
    if client.find(volume_id, path) is None and not recursive:
        raise IsADirectoryError("/%s is a directory of the volume: use recursive=True." % path)
    if path:
        change = Change(REMOVE, path)
    else:
        change = Change(OPAQUE_DIRECTORY, "", stat.S_IFDIR | 0o755)
    client.change(volume_id, [change])


def copy(
    client: "VolumeClient",
    volume_id: str,
    sources: "list[str]",
    destination: str,
    into: bool,
    recursive: bool,
) -> None:
    """Copies to a path, or into the directory that is there, or that is meant (`into`).

    Raises:
        FileNotFoundError, IsADirectoryError, NotADirectoryError: a path is not as it must be.
    """
    is_directory = into or client.is_directory(volume_id, destination)
    if len(sources) > 1 and not is_directory:
        raise NotADirectoryError("/%s is no directory of the volume." % destination)
    changes = []
    for source in sources:
        if not source:
            raise InvalidError("The root of a volume cannot be copied into itself.")
        if client.find(volume_id, source) is None and not recursive:
            raise IsADirectoryError(
                "/%s is a directory of the volume: use recursive=True." % source
            )
        target = destination
        if is_directory:
            target = posixpath.join(destination, posixpath.basename(source))
        changes.append(Change(COPY, target, target=source))
    client.change(volume_id, changes)
