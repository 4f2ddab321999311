"""Files of NAME=VALUE lines, as many tools read them."""

from __future__ import annotations

import os
import re

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterator, Mapping

_MAX_BYTES = 1024 * 1024
_NAME = re.compile(r"(?:export[ \t]+)?([A-Za-z_][A-Za-z0-9_.]*)[ \t]*=[ \t]*")
_SINGLE = re.compile(r"'([^']*)'")
_DOUBLE = re.compile(r'"((?:[^"\\]|\\.)*)"', re.S)
_ESCAPE = re.compile(r"\\(.)", re.S)
_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
_ESCAPED = {"n": "\n", "r": "\r", "t": "\t"}


def find_dotenv(start: str, filename: str) -> str:
    """The path of the file in `start` (a directory, or a file in it), or in a directory above.

    Raises:
        InvalidError: there is none.
    """
    directory = os.path.abspath(start)
    if not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    while True:
        candidate = os.path.join(directory, filename)
        if os.path.isfile(candidate):
            return candidate
        above = os.path.dirname(directory)
        if above == directory:
            raise InvalidError("There is no file %s in %s or above." % (filename, start))
        directory = above


def parse_dotenv(path: str, environ: "Mapping[str, str]") -> "Iterator[tuple[str, str]]":
    """Yields the variables of a file. `${NAME}` is a variable above it, or one of `environ`.

    Raises:
        InvalidError: the file cannot be read, or a line makes no sense; its text is not shown.
    """
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read(_MAX_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise InvalidError("Cannot read %s: %s." % (path, reason)) from None
    if len(text) > _MAX_BYTES:
        raise InvalidError("%s is larger than 1 MiB." % path)
    yield from parse_lines(text, path, environ)


def parse_lines(
    text: str, origin: str, environ: "Mapping[str, str]"
) -> "Iterator[tuple[str, str]]":
    """Like parse_dotenv, of a text that came from `origin`."""
    known = dict(environ)
    at = 0
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end].strip()
        if not line or line.startswith("#"):
            at = end + 1
            continue
        at += len(text[at:end]) - len(text[at:end].lstrip())
        head = _NAME.match(text, at, end)
        if head is None:
            raise InvalidError(
                "Line %d of %s is not NAME=VALUE." % (text.count("\n", 0, at) + 1, origin)
            )
        value, at = _value(text, head.end(), origin, known)
        known[head.group(1)] = value
        yield head.group(1), value


def _value(text: str, at: int, origin: str, known: "dict[str, str]") -> "tuple[str, int]":
    """The value that begins at `at`, and where the next line begins."""
    quote = text[at : at + 1]
    if quote not in ("'", '"'):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        plain = re.split(r"[ \t]#", text[at:end], maxsplit=1)[0].strip()
        return _expand(plain, known), end + 1
    found = (_SINGLE if quote == "'" else _DOUBLE).match(text, at)
    number = text.count("\n", 0, at) + 1
    if found is None:
        raise InvalidError("The quote in line %d of %s is not closed." % (number, origin))
    end = text.find("\n", found.end())
    end = len(text) if end < 0 else end
    rest = text[found.end() : end].strip()
    if rest and not rest.startswith("#"):
        raise InvalidError("Something follows the quote in line %d of %s." % (number, origin))
    if quote == "'":
        return found.group(1), end + 1
    unescaped = _ESCAPE.sub(lambda m: _ESCAPED.get(m.group(1), m.group(1)), found.group(1))
    return _expand(unescaped, known), end + 1


def _expand(value: str, known: "dict[str, str]") -> str:
    return _REFERENCE.sub(lambda m: known.get(m.group(1)) or m.group(2) or "", value)
