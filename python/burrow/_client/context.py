"""A build context: the files of a directory that a Dockerfile may copy, listed and hashed.

Links are sent as links and never followed; sockets, pipes and devices are left out with a note.
"""

from __future__ import annotations

import os
import stat

from burrow._client.context_files import ContextReader
from burrow._client.context_manifest import directory_entry, file_entry, link_entry, manifest_of
from burrow._client.dockerignore import IgnoreFilter, read_ignore_file
from burrow._client.files import LocalFile
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable, Union

    # Patterns as in .dockerignore, or a function of the relative path that says what is left out.
    Ignore = Union[None, Iterable[str], Callable[[str], bool]]

MAX_ENTRIES = 500_000
_MAX_NOTES = 10


class BuildContext:
    """What was found. `manifest` is the ContextManifest as JSON, `files` what it needs on the server."""

    def __init__(self) -> None:
        self.manifest = b""
        self.files: "list[LocalFile]" = []
        self.bytes = 0
        self.notes: "list[str]" = []


def ignore_patterns(directory: str, dockerfile: "str | None") -> "list[str]":
    """The patterns of DOCKERFILE.dockerignore, or else of the directory's .dockerignore."""
    if dockerfile is not None:
        own = read_ignore_file(dockerfile + ".dockerignore")
        if own is not None:
            return own
    return read_ignore_file(os.path.join(directory, ".dockerignore")) or []


def read_context(directory: str, ignore: "Ignore" = None) -> BuildContext:
    """Lists and hashes what lies below a directory and is not left out.

    Raises:
        InvalidError: something cannot be read, changes meanwhile, or there is too much of it.
    """
    directory = os.path.abspath(directory)
    with ContextReader(directory) as reader:
        walk = _Walk(directory, ignore, reader)
        walk.run()
        context = walk.context
        context.manifest = manifest_of(walk.entries)
    return context


class _Directory:
    """A directory on the way: its entry is sent only where it, or something in it, is."""

    __slots__ = ("path", "state", "entry", "parent")

    def __init__(self, path: str, state: int, entry: bytes, parent: "_Directory | None") -> None:
        self.path = path
        self.state = state
        self.entry = entry  # empty: it has been sent
        self.parent = parent


class _Walk:
    def __init__(self, directory: str, ignore: "Ignore", reader: ContextReader) -> None:
        self.context = BuildContext()
        self.entries: "list[bytes]" = []
        self._top = directory
        self._reader = reader
        self._asks = ignore if callable(ignore) else None
        self._filter = IgnoreFilter(() if ignore is None or callable(ignore) else ignore)
        self._left_out = 0

    def run(self) -> None:
        pending = [_Directory("", 0, b"", None)]
        while pending:
            directory = pending.pop()
            found = self._scan(directory)
            pending.extend(reversed(found))
        if self._left_out > _MAX_NOTES:
            more = self._left_out - _MAX_NOTES
            self.context.notes.append("%d more were left out." % more)

    def _scan(self, directory: _Directory) -> "list[_Directory]":
        local = os.path.join(self._top, directory.path) if directory.path else self._top
        try:
            with os.scandir(local) as listing:
                items = sorted(listing, key=lambda item: item.name)
            below = []
            for item in items:
                path = directory.path + "/" + item.name if directory.path else item.name
                inner = self._add(item, path, directory)
                if inner is not None:
                    below.append(inner)
            return below
        except OSError as error:
            where = getattr(error, "filename", None) or local
            raise InvalidError("Cannot read %s: %s." % (where, error.strerror)) from None

    def _add(self, item: "os.DirEntry[str]", path: str, parent: _Directory) -> "_Directory | None":
        ignored, state = self._judge(path, parent.state)
        is_directory = item.is_dir(follow_symlinks=False)
        if ignored and not (is_directory and self._filter.may_keep_below(path, state)):
            return None
        status = item.stat(follow_symlinks=False)
        if is_directory:
            directory = _Directory(path, state, directory_entry(path, status), parent)
            if not ignored:
                self._send(directory)
            return directory
        if stat.S_ISLNK(status.st_mode):
            entry = link_entry(path, status, os.readlink(item.path))
        elif stat.S_ISREG(status.st_mode):
            entry = self._file(item.path, path, status)
        else:
            self._note(path, status)
            return None
        if parent.entry:
            self._send(parent)
        self._append(entry)
        return None

    def _judge(self, path: str, state: int) -> "tuple[bool, int]":
        if self._asks is not None:
            return bool(self._asks(path)), 0
        return self._filter.judge(path, state) if self._filter else (False, 0)

    def _file(self, local: str, path: str, status: os.stat_result) -> bytes:
        if not status.st_size:
            return file_entry(path, status, "")
        digest, status = self._reader.digest(local, path, status)
        if status.st_size:
            mode = stat.S_IMODE(status.st_mode)
            self.context.files.append(LocalFile(path, local, digest, status.st_size, mode))
            self.context.bytes += status.st_size
        return file_entry(path, status, digest if status.st_size else "")

    def _send(self, directory: "_Directory | None") -> None:
        above = []
        while directory is not None and directory.entry:
            above.append(directory)
            directory = directory.parent
        for one in reversed(above):
            self._append(one.entry)
            one.entry = b""

    def _append(self, entry: bytes) -> None:
        if len(self.entries) == MAX_ENTRIES:
            raise InvalidError(
                "%s holds more than %d files: leave some out by a .dockerignore, or name a "
                "smaller directory." % (self._top, MAX_ENTRIES)
            )
        self.entries.append(entry)

    def _note(self, path: str, status: os.stat_result) -> None:
        self._left_out += 1
        if self._left_out > _MAX_NOTES:
            return
        kind = "a device"
        if stat.S_ISSOCK(status.st_mode):
            kind = "a socket"
        elif stat.S_ISFIFO(status.st_mode):
            kind = "a pipe"
        self.context.notes.append("%s is %s: left out of the context." % (path, kind))
