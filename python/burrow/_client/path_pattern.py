"""One pattern of paths: * ? [a-z] and \\ within a component, ** across them."""

from __future__ import annotations

import re

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Pattern

_SPECIAL = frozenset("*?[]\\")


class PathPattern:
    """Matches whole relative paths. `literal` is the one path that it matches, where it has no wildcard."""

    __slots__ = ("text", "literal", "_prefix", "_suffix", "_regex", "_parts")

    def __init__(self, text: str) -> None:
        """Raises InvalidError for text that is no pattern."""
        self.text = text
        self.literal: "str | None" = None
        self._prefix: "str | None" = None
        self._suffix: "str | None" = None
        self._regex: "Pattern[str] | None" = None
        self._parts: "list[Pattern[str] | None] | None" = None
        if not _SPECIAL.intersection(text):
            self.literal = text
        elif text[:2] == "**" and not _SPECIAL.intersection(text[2:]):
            self._suffix = text[2:]
        elif text[-2:] == "**" and not _SPECIAL.intersection(text[:-2]):
            self._prefix = text[:-2]
        else:
            self._regex = _compile(text)

    def matches(self, path: str) -> bool:
        """Whether this very path is meant; what lies below it is the caller's matter."""
        if self._regex is not None:
            return self._regex.match(path) is not None
        if self._suffix is not None:
            suffix = self._suffix
            return path.endswith(suffix) or (suffix[:1] == "/" and path == suffix[1:])
        if self._prefix is not None:
            return path.startswith(self._prefix)
        return path == self.literal

    def may_match_below(self, parts: "list[str]") -> bool:
        """Whether a path in the directory of these components might be meant."""
        if self._parts is None:
            self._parts = [
                None if "**" in part else _compile(part) for part in self.text.split("/")
            ]
        for pattern, part in zip(self._parts, parts):
            if pattern is None:
                return True
            if not pattern.match(part):
                return False
        return len(self._parts) > len(parts)


def _compile(text: str) -> "Pattern[str]":
    pieces, position = [], 0
    while position < len(text):
        piece, position = _translate(text, position)
        pieces.append(piece)
    return re.compile("".join(pieces) + r"\Z", re.DOTALL)


def _translate(text: str, position: int) -> "tuple[str, int]":
    """The regular expression of what stands at the position, and the position behind it."""
    character = text[position]
    if text.startswith("**", position):
        position += 2
        if text.startswith("/", position):
            position += 1
        return (".*" if position == len(text) else "(?:.*/)?"), position
    if character == "*":
        return "[^/]*", position + 1
    if character == "?":
        return "[^/]", position + 1
    if character == "[":
        return _class(text, position + 1)
    if character == "\\":
        if position + 1 == len(text):
            raise _bad(text)
        return re.escape(text[position + 1]), position + 2
    return re.escape(character), position + 1


def _class(text: str, position: int) -> "tuple[str, int]":
    """A class of characters, whose first one is at the position; never matches '/'."""
    negated = text.startswith("^", position)
    position += 1 if negated else 0
    ranges: "list[str]" = []
    first = True
    while first or not text.startswith("]", position):
        first = False
        low, position = _member(text, position)
        high = low
        if text.startswith("-", position):
            high, position = _member(text, position + 1)
        if low <= high:
            ranges.append("%s-%s" % (re.escape(low), re.escape(high)))
    if not ranges:
        return ("[^/]" if negated else "(?!)"), position + 1
    return "(?!/)[%s%s]" % ("^" if negated else "", "".join(ranges)), position + 1


def _member(text: str, position: int) -> "tuple[str, int]":
    if position < len(text) and text[position] == "\\":
        position += 1
    elif text[position : position + 1] in ("-", "]"):
        raise _bad(text)
    if position + 1 >= len(text):  # the class is not closed
        raise _bad(text)
    return text[position], position + 1


def _bad(text: str) -> InvalidError:
    return InvalidError("%r is no pattern of paths: a bracket or a backslash is left open." % text)
