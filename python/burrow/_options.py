"""Checks of the options that users write; each error says what is allowed."""

from __future__ import annotations

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def check_count(name: str, value: "Any", low: int, high: int) -> int:
    """A whole number from low to high."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise InvalidError(
            "%s must be a whole number from %d to %d, not %r." % (name, low, high, value)
        )
    return value


def check_number(name: str, value: "Any", low: float, high: float, unit: str = "") -> float:
    """A finite number from low to high."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not low <= value <= high:
        unit = " " + unit if unit else ""
        raise InvalidError(
            "%s must be a number from %g to %g%s, not %r." % (name, low, high, unit, value)
        )
    return float(value)


def milliseconds(seconds: float) -> int:
    """A checked duration as messages have it: at least one, as zero stands for the default."""
    return max(1, int(seconds * 1000))


def check_name(what: str, value: "Any") -> str:
    """A name of letters, digits, '.', '_' and '-', at most 64 characters."""
    allowed = isinstance(value, str) and 0 < len(value) <= 64
    if not allowed or not all(c.isascii() and (c.isalnum() or c in "._-") for c in value):
        raise InvalidError(
            "%s must be 1 to 64 letters, digits, '.', '_' or '-', not %r." % (what, value)
        )
    return str(value)


def check_text(what: str, value: "Any") -> str:
    """A string that is not empty and holds no NUL."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise InvalidError("%s must be a non-empty string, not %r." % (what, value))
    return value


def check_environment(value: "Any") -> "dict[str, str]":
    """Environment variables: names without '=', string values."""
    if not isinstance(value, dict):
        raise InvalidError("env must be a dict of strings, not %r." % (value,))
    for name, content in value.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise InvalidError("%r cannot name an environment variable." % (name,))
        if not isinstance(content, str) or "\0" in content:
            raise InvalidError(
                "The environment variable %s must be a string, not %r." % (name, content)
            )
    return dict(value)


def without_none(variables: "Any") -> "Any":
    """A dict without the variables whose value is None; anything else as it is."""
    if not isinstance(variables, dict):
        return variables
    return {name: value for name, value in variables.items() if value is not None}


def check_tags(value: "Any") -> "dict[str, str]":
    """Strings by name, of which there may be none."""
    tags = value or {}
    strings = isinstance(tags, dict) and [*tags, *tags.values()]
    if strings is False or not all(isinstance(text, str) for text in strings):
        raise InvalidError("tags must be a dict of strings, not %r." % (value,))
    return dict(tags)


def refuse_environment(name: "str | None") -> None:
    """Takes the environment_name of programs that have environments on other platforms: None.

    Raises:
        InvalidError: one is named.
    """
    if name is not None:
        raise InvalidError(
            "environment_name=%r: Burrow has no environments. What is found lies in the workspace of "
            "the token, such as BURROW_TOKEN; give each environment a workspace." % (name,)
        )


def check_flag(name: str, value: "Any") -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise InvalidError("%s must be True or False, not %r." % (name, value))
    return value
