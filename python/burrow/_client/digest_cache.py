"""Remembers digests of large local files, so that an unchanged one is not read again."""

from __future__ import annotations

import json
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Collection

# Smaller files hash faster than a cache pays, where there are few of them.
_WORTH_CACHING = 256 * 1024
# A file changed this recently may change again without a new time stamp.
_SETTLED_NS = 2 * 10**9
_MAX_ENTRIES = 20000


def default_path() -> str:
    """The cache file in the user's cache directory."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "burrow", "digests.json")


class DigestCache:
    """Digests by (path, size, mtime, ctime, inode). Loaded on first use; losing it costs only time.

    Args:
        path: the file that keeps them; the user's own otherwise.
        smallest: bytes of the smallest file that is remembered.
        most: files that are remembered, the newest first.
    """

    def __init__(
        self,
        path: "str | None" = None,
        smallest: int = _WORTH_CACHING,
        most: int = _MAX_ENTRIES,
    ) -> None:
        self._path = path
        self._smallest = smallest
        self._most = most
        self._entries: "dict[str, list[Any]] | None" = None
        self._changed = False

    def find(self, path: str, status: os.stat_result) -> "str | None":
        """The digest of a file that has not changed since `add`."""
        if status.st_size < self._smallest:
            return None
        entry = self._load().get(path)
        if not isinstance(entry, list) or entry[:-1] != _key(status):
            return None
        return str(entry[-1])

    def add(self, path: str, status: os.stat_result, digest: str) -> None:
        """Remembers a digest, if the file is large and has settled."""
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        if status.st_size >= self._smallest and time.time_ns() - newest > _SETTLED_NS:
            self._load()[path] = _key(status) + [digest]
            self._changed = True

    def keep_only(self, paths: "Collection[str]") -> None:
        """Forgets every other path."""
        entries = self._load()
        kept = set(paths)
        for path in [path for path in entries if path not in kept]:
            del entries[path]
            self._changed = True

    def save(self) -> None:
        """Writes what was added; a cache that cannot be written is done without."""
        if not self._changed or self._entries is None:
            return
        path = self._path or default_path()
        temporary = "%s.%d" % (path, os.getpid())
        if len(self._entries) > self._most:
            self._entries = dict(list(self._entries.items())[-self._most :])
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(temporary, "w", encoding="utf-8") as file:
                json.dump(self._entries, file)
            os.replace(temporary, path)
        except OSError:
            pass
        self._changed = False

    def _load(self) -> "dict[str, list[Any]]":
        if self._entries is None:
            try:
                with open(self._path or default_path(), encoding="utf-8") as file:
                    stored = json.load(file)
                self._entries = stored if isinstance(stored, dict) else {}
            except (OSError, ValueError):
                self._entries = {}
        return self._entries


def _key(status: os.stat_result) -> "list[Any]":
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
