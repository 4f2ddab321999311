"""Which files of an image's archive are documents: all that is needed to tell its layers, and no layer itself.

Which image of the archive is meant, and for which platform, is for the server to say: all documents
of all of them are collected.
"""

from __future__ import annotations

import json
import re

from burrow._client.archive_files import Unreadable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.archive_files import ArchiveFiles

DOCKER = "ARCHIVE_KIND_DOCKER"
OCI = "ARCHIVE_KIND_OCI"
_MANIFEST = "manifest.json"
_INDEX = "index.json"
_MARKER = "oci-layout"
_MAX_DOCUMENT = 8 << 20
_MAX_DOCUMENTS = 1_000
_MAX_TOTAL = 32 << 20
_DIGEST = re.compile(r"sha256:([0-9a-f]{64})", re.ASCII)


def kind_of(files: "ArchiveFiles", told: str) -> str:
    """DOCKER or OCI, as the server would take the archive.

    Raises:
        Unreadable: it is neither.
    """
    if told in (DOCKER, OCI):
        return told
    if not told and files.find(_MANIFEST):
        return DOCKER
    if not told and files.find(_MARKER):
        return OCI
    raise Unreadable("no archive of images")


def documents(files: "ArchiveFiles", kind: str) -> "dict[str, bytes]":
    """The documents by name.

    Raises:
        Unreadable: one of them is none, or they are too large or too many. Those that are not there are passed over.
    """
    found = _Documents(files)
    if kind == DOCKER:
        for image in _list(found.add(_MANIFEST)):
            config = _member(image, "Config")
            if isinstance(config, str):
                found.add(config)
    else:
        pending = [found.add(_INDEX)]
        while pending:
            pending += found.add_mentioned(pending.pop())
    return found.content


class _Documents:
    def __init__(self, files: "ArchiveFiles") -> None:
        self.content: "dict[str, bytes]" = {}
        self._files = files
        self._total = 0

    def add_mentioned(self, document: "Any") -> "list[Any]":
        """Adds the configuration and the manifests that a manifest or a list names; gives what manifests say."""
        self._add_blob(_member(document, "config"))
        return [self._add_blob(one) for one in _list(_member(document, "manifests"))]

    def _add_blob(self, descriptor: "Any") -> "Any":
        digest = _member(descriptor, "digest")
        match = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
        return self.add("blobs/sha256/" + match.group(1)) if match else None

    def add(self, name: str) -> "Any":
        """What a document says; None for one that is not there or was added before."""
        part = self._files.find(name)
        if part is None or name in self.content:
            return None
        self._total += part.size
        if (
            part.size > _MAX_DOCUMENT
            or self._total > _MAX_TOTAL
            or len(self.content) == _MAX_DOCUMENTS
        ):
            raise Unreadable("too many documents, or too large")
        with part.open() as file:
            self.content[name] = file.read(part.size)
        try:
            return json.loads(self.content[name])
        except (ValueError, RecursionError):
            raise Unreadable("%s is no JSON" % name) from None


def _member(document: "Any", name: str) -> "Any":
    return document.get(name) if isinstance(document, dict) else None


def _list(value: "Any") -> "list[Any]":
    return value if isinstance(value, list) else []
