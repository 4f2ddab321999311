"""How often a call that raised is tried again."""

from __future__ import annotations

from burrow._options import check_count, check_number
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Retries:
    """A policy for calls whose function raised.

    Args:
        max_retries: further attempts after the first one, 0 to 100.
        initial_delay: pause before the first retry, in seconds.
        backoff_coefficient: factor by which each pause is longer than the one before, 1 or more.
        max_delay: upper bound of a pause, in seconds.

    Raises:
        InvalidError: a value is out of range.

    Example:
        @app.function(retries=burrow.Retries(max_retries=3, initial_delay=0.5))
        def flaky() -> None: ...
    """

    __slots__ = ("max_retries", "initial_delay", "backoff_coefficient", "max_delay")

    def __init__(
        self,
        *,
        max_retries: int = 3,
        initial_delay: float = 1.0,
        backoff_coefficient: float = 2.0,
        max_delay: float = 60.0,
    ) -> None:
        self.max_retries = check_count("max_retries", max_retries, 0, 100)
        self.initial_delay = check_number("initial_delay", initial_delay, 0, 86400, "s")
        self.backoff_coefficient = check_number("backoff_coefficient", backoff_coefficient, 1, 100)
        self.max_delay = check_number("max_delay", max_delay, 0, 86400, "s")

    def _message(self) -> "dict[str, Any]":
        return {
            "maxRetries": self.max_retries,
            "initialDelayMs": int(self.initial_delay * 1000),
            "backoffCoefficient": self.backoff_coefficient,
            "maxDelayMs": int(self.max_delay * 1000),
        }

    def __repr__(self) -> str:
        return "Retries(%s)" % ", ".join(
            "%s=%r" % (name, getattr(self, name)) for name in self.__slots__
        )


def as_retries(value: "int | Retries") -> Retries:
    """Takes a number of retries, with a second before each, or a policy."""
    if isinstance(value, Retries):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise InvalidError(
            "retries must be a number or burrow.Retries(...), not %s." % type(value).__name__
        )
    return Retries(max_retries=check_count("retries", value, 0, 100), backoff_coefficient=1.0)
