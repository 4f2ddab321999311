"""Turns the server's error answers, which carry Connect codes, into exceptions."""

from __future__ import annotations

import json

from burrow import exception

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_BY_CODE = {
    "unauthenticated": exception.AuthError,
    "permission_denied": exception.PermissionDeniedError,
    "not_found": exception.NotFoundError,
    "invalid_argument": exception.InvalidError,
    "failed_precondition": exception.ConflictError,
    "aborted": exception.ConflictError,
    "already_exists": exception.AlreadyExistsError,
    "out_of_range": exception.InvalidError,
    "resource_exhausted": exception.ResourceExhaustedError,
    "canceled": exception.CancelledError,
    "unimplemented": exception.InvalidError,
    "internal": exception.InternalError,
    "data_loss": exception.InternalError,
    "deadline_exceeded": exception.ServiceError,
    "unknown": exception.ServiceError,
}

# What an HTTP status means when the body is not Connect's JSON, as from a proxy.
_CODE_BY_STATUS = {
    400: "invalid_argument",
    401: "unauthenticated",
    403: "permission_denied",
    404: "unimplemented",
    413: "resource_exhausted",
    429: "resource_exhausted",
    502: "unavailable",
    503: "unavailable",
    504: "unavailable",
}


class ServerUnavailable(Exception):
    """The server answered that it cannot serve just now; the request may be repeated."""


def exception_for(code: str, message: str) -> Exception:
    """The exception that a Connect code stands for."""
    if code == "unavailable":
        return ServerUnavailable(message)
    return _BY_CODE.get(code, exception.InfrastructureError)(message or code)


def exception_from_response(
    status: int, body: bytes, what: str, retry_after: str = ""
) -> Exception:
    """The exception for an answer with an HTTP status other than 200 to the request `what`."""
    code, message = "", ""
    try:
        document: Any = json.loads(body)
        code, message = str(document.get("code", "")), str(document.get("message", ""))
    except (ValueError, AttributeError):
        pass
    if not code:
        code = _CODE_BY_STATUS.get(status, "unknown")
        text = body[:200].decode("utf-8", "replace").strip()
        message = message or "The server answered %s with HTTP status %d%s" % (
            what,
            status,
            ": " + text if text else ".",
        )
    error = _error_of(status, code, message)
    if isinstance(error, exception.ResourceExhaustedError) and retry_after.isdigit():
        error.retry_after = float(retry_after)
    return error


def _error_of(status: int, code: str, message: str) -> Exception:
    """Two statuses say more than their codes do."""
    if status == 413:
        return exception.RequestSizeError(message)
    if status == 404 and code == "unimplemented":
        return exception.VersionError(
            "%s Are client and server of one version, and is this burrowd?" % message
        )
    return exception_for(code, message)
