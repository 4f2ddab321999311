"""`burrow logs`: what an app printed, or prints."""

from __future__ import annotations

import sys
import time
from datetime import datetime

from burrow._client.config import load_config
from burrow._client.errors import ServerUnavailable
from burrow._client.http_connection import ConnectionLost
from burrow._client.reporter import LogPrinter
from burrow._client.resumed_logs import followed_logs
from burrow._client.stream import Stream
from burrow._client.transport import Transport
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Iterator

_READ_TIMEOUT = 60.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def show_logs(options: "Namespace") -> int:
    """`burrow logs`"""
    if options.tail < 0:
        print("burrow logs: error: --tail must not be negative", file=sys.stderr)
        return 2
    transport = Transport(load_config())
    printer = LogPrinter(red_stderr=sys.stderr.isatty(), outlives_reader=False)
    if options.follow:
        lines = followed_logs(transport, _request(options), _note)
    else:
        lines = _kept_logs(transport, _request(options))
    try:
        for line in lines:
            printer.print(line)
    finally:
        printer.finish()
    return 0


def _note(text: str) -> None:
    print("burrow: " + text, file=sys.stderr)


def _kept_logs(transport: Transport, request: "dict[str, Any]") -> "Iterator[dict[str, Any]]":
    try:
        for response in Stream(transport, "Apps/Logs", request, _READ_TIMEOUT):
            yield from response.get("lines", ())
    except (OSError, ConnectionLost, ServerUnavailable) as error:
        raise transport.unreachable(error) from None


def _request(options: "Namespace") -> "dict[str, Any]":
    request: "dict[str, Any]" = {
        "app": options.app,
        "follow": options.follow,
        "tail": options.tail,
    }
    for name, value in (
        ("function", options.function),
        ("callId", options.call),
        ("containerId", options.container),
    ):
        if value:
            request[name] = value
    if options.since:
        request["sinceMs"] = str(parse_since(options.since, time.time()))
    return request


def parse_since(text: str, now: float) -> int:
    """Unix milliseconds of "90s", "5m", "2h", "1d" ago, or of a date and time as ISO 8601 writes it.

    Raises:
        InvalidError: it is neither.
    """
    number, unit = text[:-1], text[-1:]
    if unit in _UNITS and number.isdigit():
        return max(0, int((now - int(number) * _UNITS[unit]) * 1000))
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise InvalidError(
            "--since takes a time ago like 90s, 5m, 2h or 1d, or one like 2026-01-31T12:00, not %r."
            % text
        ) from None
