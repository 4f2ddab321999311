"""Files of this machine that an image attaches to containers when they start."""

from __future__ import annotations

import posixpath

from burrow._client.files import check_total, hash_file
from burrow._client.image_steps import directory_files
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

    from burrow._client.digest_cache import DigestCache
    from burrow._client.files import LocalFile
    from burrow.image import Image

_MAX_PLACES = 64


class Attachment:
    """Files below one directory of the container, or one file of it."""

    __slots__ = ("destination", "single", "files")

    def __init__(self, destination: str, single: bool) -> None:
        self.destination = destination
        self.single = single
        self.files: "list[LocalFile]" = []

    def message(self) -> "dict[str, Any]":
        """The AttachedFiles message."""
        return {
            "destination": self.destination,
            "files": [file.message() for file in self.files],
            "singleFile": self.single,
        }


def attached_files(image: "Image", cache: "DigestCache") -> "list[Attachment]":
    """What the recipe attaches, hashed. Of files for the same path, the last one counts.

    Places inside of an attached directory become part of it.

    Raises:
        InvalidError: a file cannot be read, or there is too much.
    """
    found: "dict[str, str]" = {}
    directories: "set[str]" = set()
    for kind, content, _ in image._steps:
        if kind == "attach_file":
            found[_normal(content[1])] = content[0]
        elif kind == "attach_dir":
            root = _normal(content[1])
            directories.add(root)
            found.update(
                (posixpath.join(root, path), local) for path, local in directory_files(content)
            )
    places: "dict[str, Attachment]" = {}
    for path, local in sorted(found.items()):
        root = _outermost(path, directories)
        place = places.setdefault(root or path, Attachment(root or path, not root))
        name = posixpath.relpath(path, root) if root else posixpath.basename(path)
        place.files.append(hash_file(name, local, cache))
    if len(places) > _MAX_PLACES:
        raise InvalidError(
            "An image may attach files at %d places at most, not %d: attach a directory."
            % (_MAX_PLACES, len(places))
        )
    check_total(all_files(places.values()), "What the image attaches from this machine")
    return list(places.values())


def all_files(attachments: "Iterable[Attachment]") -> "list[LocalFile]":
    """The files of all of them."""
    return [file for attachment in attachments for file in attachment.files]


def _normal(path: str) -> str:
    return "/" + posixpath.normpath(path).lstrip("/")


def _outermost(path: str, directories: "set[str]") -> str:
    """The shortest of the directories that the path is inside of, or ""."""
    around = [root for root in directories if path.startswith(root.rstrip("/") + "/")]
    return min(around, key=len, default="")
