"""What a build context leaves out: the patterns of .dockerignore, by the rules that Docker has for them."""

from __future__ import annotations

import posixpath

from burrow._client.path_pattern import PathPattern
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable

_MAX_FILE = 1024 * 1024
_MAX_PATTERNS = 10000


def read_ignore_file(path: str) -> "list[str] | None":
    """The patterns in a file; None where there is no such file.

    Raises:
        InvalidError: it cannot be read, or is too large to be meant.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_FILE + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InvalidError("Cannot read %s: %s." % (path, error.strerror)) from None
    if len(data) > _MAX_FILE:
        raise InvalidError("%s is larger than %d bytes." % (path, _MAX_FILE))
    return parse_ignore_file(data.decode("utf-8", "surrogateescape"))


def parse_ignore_file(text: str) -> "list[str]":
    """The patterns in the text of a .dockerignore: without comments and blank lines, cleaned."""
    patterns = []
    for line in text.lstrip("\ufeff").split("\n"):
        if line.startswith("#"):
            continue
        line = line.strip()
        if not line:
            continue
        mark = "!" if line[0] == "!" else ""
        line = line[len(mark) :].strip()
        patterns.append(mark + (_clean(line) if line else ""))
    return patterns


class IgnoreFilter:
    """An ordered list of patterns; the last one that matches a path, or a directory above it, decides.

    A walk judges each path with the state of its directory; the state of the top directory is 0.
    """

    def __init__(self, patterns: "Iterable[str]") -> None:
        self._groups: "list[_Group]" = []
        for number, text in enumerate(patterns):
            if number == _MAX_PATTERNS:
                raise InvalidError("More than %d patterns leave files out." % _MAX_PATTERNS)
            self._add(text.strip())

    def _add(self, text: str) -> None:
        if not text:
            return
        keeps = text[0] == "!"
        text = text[1:] if keeps else text
        if not text:
            raise InvalidError('"!" alone is no pattern of files to keep.')
        if not self._groups or self._groups[-1].keeps != keeps:
            self._groups.append(_Group(keeps))
        self._groups[-1].add(PathPattern(_clean(text)))

    def __bool__(self) -> bool:
        return bool(self._groups)

    def judge(self, path: str, state: int = 0) -> "tuple[bool, int]":
        """Whether the relative path is left out, and the state for what lies in it."""
        for number in range(len(self._groups) - 1, -1, -1):
            bit = 1 << number
            if not state & bit and self._groups[number].matches(path):
                state |= bit
        last = state.bit_length() - 1
        return last >= 0 and not self._groups[last].keeps, state

    def ignores(self, path: str) -> bool:
        """Whether the relative path is left out, by itself or with a directory above it."""
        ignored, state, position = False, 0, 0
        while position >= 0:
            position = path.find("/", position + 1)
            ignored, state = self.judge(path if position < 0 else path[:position], state)
        return ignored

    def may_keep_below(self, directory: str, state: int) -> bool:
        """Whether a later "!" pattern might keep something in a directory that is left out."""
        parts = directory.split("/")
        later = self._groups[state.bit_length() :]
        return any(group.keeps and group.may_match_below(parts) for group in later)


class _Group:
    """Patterns of one kind that follow each other: which of them matches makes no difference."""

    def __init__(self, keeps: bool) -> None:
        self.keeps = keeps
        self._patterns: "list[PathPattern]" = []
        self._literal: "set[str]" = set()
        self._wild: "list[PathPattern]" = []

    def add(self, pattern: PathPattern) -> None:
        self._patterns.append(pattern)
        if pattern.literal is None:
            self._wild.append(pattern)
        else:
            self._literal.add(pattern.literal)

    def matches(self, path: str) -> bool:
        return path in self._literal or any(pattern.matches(path) for pattern in self._wild)

    def may_match_below(self, parts: "list[str]") -> bool:
        return any(pattern.may_match_below(parts) for pattern in self._patterns)


def _clean(pattern: str) -> str:
    """Without needless slashes and dots, relative to the context; like Go's filepath.Clean."""
    pattern = posixpath.normpath(pattern)
    while len(pattern) > 1 and pattern[0] == "/":
        pattern = pattern[1:]
    return pattern
