"""Tells that files of directories may have changed: by inotify, or else by looking every tenth of a second."""

from __future__ import annotations

import os
import select
import signal
import struct
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

_POLL = 0.1
_QUIET = 0.02  # no further change for so long: whoever saves is done
_MOST_PATIENCE = 0.5
_READ_SIZE = 64 * 1024
_EVENT = struct.Struct("iIII")

_CLOSE_WRITE, _MOVED_FROM, _MOVED_TO = 0x8, 0x40, 0x80
_MODIFY, _CREATE, _DELETE = 0x2, 0x100, 0x200
_DELETE_SELF, _MOVE_SELF, _OVERFLOW, _IGNORED = 0x400, 0x800, 0x4000, 0x8000
_ONLY_DIRECTORIES, _IS_DIRECTORY = 0x1000000, 0x40000000
_NON_BLOCKING, _CLOSE_ON_EXEC = 0o4000, 0o2000000
_WATCHED = (
    _CLOSE_WRITE | _MOVED_FROM | _MOVED_TO | _MODIFY | _CREATE | _DELETE | _DELETE_SELF | _MOVE_SELF
)
_ALWAYS = _DELETE_SELF | _MOVE_SELF | _OVERFLOW | _IGNORED | _IS_DIRECTORY


class FileWatch:
    """Watches directories, not what lies below them. `wake` may be called from any thread.

    Args:
        use_inotify: False looks at the files instead, as where the system has no inotify.
    """

    def __init__(self, use_inotify: bool = True) -> None:
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._signals: "tuple[int, int] | None" = None
        self._inotify = _Inotify.open() if use_inotify else None
        self._whole: "set[str]" = set()
        self._directories: "set[str]" = set()
        self._seen: "dict[str, Any]" = {}
        self.changed_at = 0.0  # monotonic seconds of what ended the last wait

    @property
    def by_inotify(self) -> bool:
        """Whether changes are told at once."""
        return self._inotify is not None

    def watch(self, directories: "Iterable[str]", whole: "Iterable[str]" = ()) -> bool:
        """Watches these directories and no others; returns whether some were not watched before.

        Args:
            whole: those of them in which every file counts; in the others only Python's do.
        """
        self._whole = set(whole)
        wanted = {directory for directory in directories if os.path.isdir(directory)}
        if self._inotify is not None:
            fresh = self._inotify.watch(wanted)
            if fresh is not None:
                return fresh
            self._inotify.close()
            self._inotify = None
        before, self._directories = self._directories, wanted
        seen = self._look()
        # What has changed meanwhile in one that was watched is still to be told.
        self._seen = {key: self._seen[key] if key in before else seen[key] for key in wanted}
        return bool(wanted - before)

    def wait(self) -> bool:
        """Waits until something may have changed and nothing does any more; False after `wake`."""
        if not self._wait_for_change(None):
            return False
        self.changed_at = time.monotonic()
        end = time.monotonic() + _MOST_PATIENCE
        while time.monotonic() < end:
            if not self._wait_for_change(_QUIET):
                break
        return True

    def wake(self) -> None:
        """Ends this and every later `wait`."""
        try:
            os.write(self._wake_write, b"x")
        except BlockingIOError:
            pass  # it is awake

    def heed_signals(self) -> None:
        """Lets handlers of signals run at once, also of one that comes just before `wait` begins to wait.

        Of the main thread, until `close`.
        """
        self._signals = os.pipe()
        for end in self._signals:
            os.set_blocking(end, False)
        signal.set_wakeup_fd(self._signals[1], warn_on_full_buffer=False)

    def close(self) -> None:
        """Gives the descriptors back."""
        if self._signals is not None:
            signal.set_wakeup_fd(-1)
            for end in self._signals:
                os.close(end)
        os.close(self._wake_read)
        os.close(self._wake_write)
        if self._inotify is not None:
            self._inotify.close()

    def _wait_for_change(self, timeout: "float | None") -> bool:
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            left = None if end is None else max(0.0, end - time.monotonic())
            if self._inotify is None:
                left = _POLL if left is None else min(left, _POLL)
            waited = [self._wake_read] + ([self._inotify.number] if self._inotify else [])
            waited += [self._signals[0]] if self._signals else []
            ready, _, _ = select.select(waited, [], [], left)
            if self._wake_read in ready:
                return False
            if self._signals and self._signals[0] in ready:
                os.read(self._signals[0], _READ_SIZE)  # the handler has run
                ready.remove(self._signals[0])
            if self._has_changed(bool(ready)):
                return True
            if end is not None and time.monotonic() >= end:
                return False

    def _has_changed(self, told: bool) -> bool:
        if self._inotify is not None:
            return told and any(self._counts(*event) for event in self._inotify.read())
        before, self._seen = self._seen, self._look()
        return before != self._seen

    def _counts(self, directory: str, name: str, mask: int) -> bool:
        if mask & _ALWAYS and not name.startswith((".", "__pycache__")):
            return True
        return self._counts_name(directory, name)

    def _counts_name(self, directory: str, name: str) -> bool:
        if name.startswith(".") or name.endswith((".pyc", "~")) or name == "__pycache__":
            return False
        return name.endswith(".py") or directory in self._whole

    def _look(self) -> "dict[str, Any]":
        """What each directory holds: its files with what tells that they have changed."""
        return {directory: self._entries(directory) for directory in self._directories}

    def _entries(self, directory: str) -> "dict[str, tuple[int, ...]] | None":
        found = {}
        try:
            for name in os.listdir(directory):
                path = os.path.join(directory, name)
                if not self._counts_name(directory, name) and not os.path.isdir(path):
                    continue
                try:
                    status = os.stat(path)
                except OSError:
                    continue
                is_file = not os.path.isdir(path)
                times = (status.st_size, status.st_mtime_ns) if is_file else ()
                found[name] = (status.st_ino, status.st_mode, *times)
        except OSError:
            return None
        return found


class _Inotify:
    """The kernel's own watch, by the C library."""

    def __init__(self, number: int, library: "Any") -> None:
        self.number = number
        self._library = library
        self._directories: "dict[int, str]" = {}

    @staticmethod
    def open() -> "_Inotify | None":
        """None where the system has none, or no more of them."""
        try:
            import ctypes

            library = ctypes.CDLL(None, use_errno=True)
            number = library.inotify_init1(_NON_BLOCKING | _CLOSE_ON_EXEC)
        except (ImportError, OSError, AttributeError):
            return None
        return _Inotify(number, library) if number >= 0 else None

    def watch(self, wanted: "set[str]") -> "bool | None":
        """Returns whether some were not watched before; None where the system refuses so many."""
        for number, directory in list(self._directories.items()):
            if directory not in wanted:
                self._library.inotify_rm_watch(self.number, number)
                del self._directories[number]
        fresh = wanted - set(self._directories.values())
        for directory in fresh:
            mask = _WATCHED | _ONLY_DIRECTORIES
            number = self._library.inotify_add_watch(self.number, os.fsencode(directory), mask)
            if number >= 0:
                self._directories[number] = directory
            elif os.path.isdir(directory):
                return None
        return bool(fresh)

    def read(self) -> "list[tuple[str, str, int]]":
        """(directory, name, mask) of what has happened; of watches that were given up nothing."""
        try:
            data = os.read(self.number, _READ_SIZE)
        except BlockingIOError:
            return []
        events = []
        position = 0
        while position < len(data):
            number, mask, _, length = _EVENT.unpack_from(data, position)
            position += _EVENT.size
            name = os.fsdecode(data[position : position + length].rstrip(b"\0"))
            position += length
            directory = self._directories.get(number, "")
            if mask & _IGNORED:
                self._directories.pop(number, None)
            elif mask & _MOVE_SELF:  # the watch has gone with what was moved away
                self._library.inotify_rm_watch(self.number, number)
                self._directories.pop(number, None)
            if directory or mask & _OVERFLOW:
                events.append((directory, name, mask))
        return events

    def close(self) -> None:
        os.close(self.number)
