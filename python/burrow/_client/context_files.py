"""Digests of a context's files: read once, remembered while they stay as they are."""

from __future__ import annotations

import hashlib
import os
import stat

from burrow._client.digest_cache import DigestCache, default_path
from burrow.exception import InvalidError

_PART = 1024 * 1024
_MAX_REMEMBERED = 500_000
# Contexts whose digests are kept on the disk.
_MAX_CONTEXTS = 32


class ContextReader:
    """Used as a context by one thread; what it learnt is stored when all went well."""

    def __init__(self, directory: str) -> None:
        name = hashlib.sha256(os.fsencode(directory)).hexdigest()[:32]
        self._home = os.path.join(os.path.dirname(default_path()), "contexts")
        self._cache = DigestCache(
            os.path.join(self._home, name + ".json"), smallest=1, most=_MAX_REMEMBERED
        )
        self._seen: "list[str]" = []

    def __enter__(self) -> "ContextReader":
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        if kind is None:
            self._cache.keep_only(self._seen)
            self._cache.save()
            self._remove_old()

    def digest(self, local: str, path: str, status: os.stat_result) -> "tuple[str, os.stat_result]":
        """A regular file's digest, and its status when it was read.

        Raises:
            InvalidError: it cannot be read, or changed meanwhile.
        """
        self._seen.append(path)
        known = self._cache.find(path, status)
        if known is not None:
            return known, status
        try:
            digest, status = _read(local)
        except OSError as error:
            raise InvalidError("Cannot read %s: %s." % (local, error.strerror)) from None
        self._cache.add(path, status, digest)
        return digest, status

    def _remove_old(self) -> None:
        try:
            with os.scandir(self._home) as listing:
                files = [(item.stat().st_mtime_ns, item.path) for item in listing]
            for _, path in sorted(files)[:-_MAX_CONTEXTS]:
                os.unlink(path)
        except OSError:
            pass  # another build removed it


def _read(local: str) -> "tuple[str, os.stat_result]":
    # What became a pipe or a link since it was listed is neither waited for nor followed.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    descriptor = os.open(local, flags)
    try:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise _changed(local)
        hasher, size = hashlib.sha256(), 0
        while size <= before.st_size:
            part = os.read(descriptor, _PART)
            if not part:
                break
            hasher.update(part)
            size += len(part)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    if size != before.st_size or _stamp(before) != _stamp(after):
        raise _changed(local)
    return hasher.hexdigest(), after


def _stamp(status: os.stat_result) -> "tuple[int, int, int]":
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _changed(local: str) -> InvalidError:
    return InvalidError("%s changed while it was read: build again when it is at rest." % local)
