"""What `burrow image import SOURCE` is given."""

from __future__ import annotations

import os

from burrow.exception import InvalidError

_ARCHIVES = {"docker-archive:": "ARCHIVE_KIND_DOCKER", "oci:": "ARCHIVE_KIND_OCI"}
_ARCHIVES["oci-archive:"] = "ARCHIVE_KIND_OCI"
_ROOTFS = "rootfs:"


class ImportSource:
    """A path of this machine with what it holds, or a registry's reference."""

    def __init__(self, path: str = "", kind: str = "", tag: str = "", reference: str = "") -> None:
        self.path = path
        self.kind = kind
        self.tag = tag
        self.reference = reference


def parse_source(text: str) -> ImportSource:
    """Understands DIRECTORY, FILE, rootfs:PATH, docker-archive:FILE[:NAME:TAG], oci:PATH[:TAG], [docker://]HOST/NAME[:TAG].

    A path alone is what its members say; rootfs:PATH is a tree, also if it looks like an archive of an image.

    Raises:
        InvalidError: it is nothing of these.
    """
    if text.startswith("docker://"):
        return ImportSource(reference=text)
    if text.startswith(_ROOTFS):
        path = text[len(_ROOTFS) :]
        if not os.path.exists(path):
            raise InvalidError("There is no file %s." % path)
        return ImportSource(path, "ARCHIVE_KIND_ROOTFS")
    for prefix, kind in _ARCHIVES.items():
        if text.startswith(prefix):
            path, tag = _split_tag(text[len(prefix) :])
            return ImportSource(path, kind, tag)
    if os.path.isdir(text):
        is_layout = os.path.isfile(os.path.join(text, "oci-layout"))
        return ImportSource(text, "ARCHIVE_KIND_OCI" if is_layout else "ARCHIVE_KIND_ROOTFS")
    if os.path.exists(text):
        return ImportSource(text)
    first = text.partition("/")[0]
    if (
        "/" in text
        and ("." in first or ":" in first or first == "localhost")
        and first not in (".", "..")
    ):
        return ImportSource(reference=text)
    raise InvalidError(
        "There is no file %s; an image in a registry is named HOST/NAME[:TAG], with its host."
        % text
    )


def _split_tag(text: str) -> "tuple[str, str]":
    """A path may hold colons: the longest that exists is the path."""
    path = text
    while not os.path.exists(path):
        path, colon, _ = path.rpartition(":")
        if not colon:
            raise InvalidError("There is no file %s." % text)
    return path, text[len(path) + 1 :]
