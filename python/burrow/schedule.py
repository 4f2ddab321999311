"""Schedules: when the server calls a function of a deployed app by itself."""

from __future__ import annotations

from burrow._options import check_count, check_number, check_text
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNITS = {"weeks": 604800.0, "days": 86400.0, "hours": 3600.0, "minutes": 60.0, "seconds": 1.0}


class Cron:
    """Times of a wall clock, as cron writes them: minute, hour, day, month, day of the week.

    Args:
        cron_string: like "*/5 * * * *", or "0 9 * * mon-fri".
        timezone: whose clock, like "Europe/Berlin". A time that is skipped there when clocks are
            set forward comes once, at that moment; one that comes twice counts the first time.

    Example:
        @app.function(schedule=burrow.Cron("0 6 * * *", timezone="America/New_York"))
        def report() -> None: ...
    """

    __slots__ = ("cron_string", "timezone")

    def __init__(self, cron_string: str, timezone: str = "UTC") -> None:
        self.cron_string = check_text("A cron expression", cron_string)
        self.timezone = check_text("A time zone", timezone)
        if len(self.cron_string.split()) != 5:
            raise InvalidError(
                "%r is no cron expression: it has five fields, like '*/5 * * * *'." % cron_string
            )

    def _message(self) -> "dict[str, Any]":
        """The Schedule message, without the arguments of the calls."""
        return {"cron": {"expression": self.cron_string, "timezone": self.timezone}}

    def __repr__(self) -> str:
        return "Cron(%r, timezone=%r)" % (self.cron_string, self.timezone)


class Period:
    """A span of time between calls, counted from the deployment on; all parts are added up.

    A deployment that leaves the schedule as it was does not begin anew. Years and months are those
    of the calendar, in UTC; in a month that lacks the day, its last day counts from then on.

    Example:
        @app.function(schedule=burrow.Period(hours=4))
        def refresh() -> None: ...
    """

    __slots__ = ("months", "total_seconds")

    def __init__(
        self,
        *,
        years: int = 0,
        months: int = 0,
        weeks: float = 0,
        days: float = 0,
        hours: float = 0,
        minutes: float = 0,
        seconds: float = 0,
    ) -> None:
        given = {"weeks": weeks, "days": days, "hours": hours, "minutes": minutes}
        given["seconds"] = seconds
        self.total_seconds = sum(
            check_number(name, value, 0, 1e9) * _UNITS[name] for name, value in given.items()
        )
        self.months = 12 * check_count("years", years, 0, 10) + check_count(
            "months", months, 0, 120
        )
        if self.total_seconds < 1 and not self.months:
            raise InvalidError("A period must be a second or longer.")

    def _message(self) -> "dict[str, Any]":
        """The Schedule message, without the arguments of the calls."""
        message: "dict[str, Any]" = {"periodMs": str(int(self.total_seconds * 1000))}
        if self.months:
            message["periodMonths"] = self.months
        return message

    def __repr__(self) -> str:
        months = "months=%d, " % self.months if self.months else ""
        return "Period(%sseconds=%g)" % (months, self.total_seconds)


def check_schedule(value: "Any") -> "Cron | Period | None":
    """What `schedule=` was given."""
    if value is None or isinstance(value, (Cron, Period)):
        return value
    raise InvalidError(
        "schedule must be burrow.Cron(...) or burrow.Period(...), not %s." % type(value).__name__
    )
