"""Local files on their way to the server: listed, hashed, uploaded by digest."""

from __future__ import annotations

import hashlib
import os
import stat

from burrow._client.digest_cache import DigestCache
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterable

MAX_FILES = 20000
MAX_TOTAL = 8 * 1024 * 1024 * 1024


class LocalFile:
    """A regular file of this machine and the relative path that it gets."""

    __slots__ = ("path", "local", "digest", "size", "mode")

    def __init__(self, path: str, local: str, digest: str, size: int, mode: int) -> None:
        self.path = path
        self.local = local
        self.digest = digest
        self.size = size
        self.mode = mode

    def message(self) -> "dict[str, Any]":
        """The SourceFile message."""
        return {
            "path": self.path,
            "digest": self.digest,
            "size": str(self.size),
            "mode": self.mode,
        }


def hash_file(path: str, local: str, cache: DigestCache) -> LocalFile:
    """Hashes `local`, which is to be named `path`.

    Raises:
        InvalidError: it cannot be read, or is no regular file.
    """
    if _has_surrogates(path):
        raise InvalidError("%r has a name that is not UTF-8: rename it or leave it out." % local)
    try:
        # Opening a pipe would wait for somebody to write into it.
        with open(os.open(local, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise InvalidError("%s is no regular file." % local)
            digest = cache.find(local, status)
            if digest is None:
                hasher = hashlib.sha256()
                while True:
                    part = file.read(1024 * 1024)
                    if not part:
                        break
                    hasher.update(part)
                digest = hasher.hexdigest()
                cache.add(local, status, digest)
    except OSError as error:
        raise InvalidError("Cannot read %s: %s." % (local, error.strerror)) from None
    return LocalFile(path, local, digest, status.st_size, stat.S_IMODE(status.st_mode) & 0o777)


def _has_surrogates(text: str) -> bool:
    return any("\ud800" <= c <= "\udfff" for c in text) if not text.isascii() else False


def list_directory(
    directory: str, skips_directory: "Callable[[str], bool]"
) -> "list[tuple[str, str]]":
    """(relative path, local path) of each regular file below `directory`, sorted.

    Links to files count as files; links to directories are not followed.
    """
    if not os.path.isdir(directory):
        raise InvalidError("%s is no directory of this machine." % directory)
    found: "list[tuple[str, str]]" = []
    for parent, names, files in os.walk(directory):
        names[:] = sorted(name for name in names if not skips_directory(name))
        relative = os.path.relpath(parent, directory)
        for name in sorted(files):
            local = os.path.join(parent, name)
            if os.path.isfile(local):
                path = name if relative == "." else os.path.join(relative, name)
                found.append((path.replace(os.sep, "/"), local))
        if len(found) > MAX_FILES:
            raise InvalidError(
                "%s holds more than %d files: name a smaller directory." % (directory, MAX_FILES)
            )
    return found


def check_total(files: "Iterable[LocalFile]", what: str, limit: int = MAX_TOTAL) -> None:
    """Refuses what is too large to be meant."""
    total = sum(file.size for file in files)
    if total > limit:
        raise InvalidError(
            "%s adds up to %d MiB, more than the limit of %d MiB: leave large files out."
            % (what, total >> 20, limit >> 20)
        )
