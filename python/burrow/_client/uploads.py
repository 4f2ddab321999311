"""Sends archives whose digest nobody knows yet."""

from __future__ import annotations

import json
import os

from burrow._client.errors import exception_from_response
from burrow._client.http_connection import ConnectionLost
from burrow.exception import InfrastructureError, InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow._client.http_connection import HttpConnection
    from burrow._client.transport import Transport

_PART = 1024 * 1024
_TIMEOUT = 120.0
_WHAT = "the upload of an archive"


class Upload:
    """One upload by pieces: write to it like to a file, then `finish`. Closed without: nothing is kept."""

    def __init__(self, transport: "Transport", on_bytes: "Callable[[int], None]") -> None:
        self._transport = transport
        self._on_bytes = on_bytes
        try:
            self._connection: "HttpConnection" = transport.connect()
            self._connection.send(transport.chunked_head("POST", "/uploads"), _TIMEOUT)
        except (OSError, ConnectionLost) as error:
            raise transport.unreachable(error) from None

    def write(self, data: bytes) -> int:
        """Sends some bytes."""
        if data:
            try:
                self._connection.send(b"%x\r\n%b\r\n" % (len(data), data), _TIMEOUT)
            except ConnectionLost as error:
                raise self._refusal(error) from None
            self._on_bytes(len(data))
        return len(data)

    def finish(self) -> str:
        """Ends the upload and returns its id."""
        try:
            self._connection.send(b"0\r\n\r\n", _TIMEOUT)
            head = self._connection.read_head()
            body = self._connection.read_body(head, _PART)
        except ConnectionLost as error:
            raise self._refusal(error) from None
        finally:
            self._connection.close()
        if head.status != 201:
            raise exception_from_response(head.status, body, _WHAT)
        return str(_document(body).get("upload", ""))

    def close(self) -> None:
        """Breaks the upload off."""
        self._connection.close()

    def _refusal(self, error: Exception) -> Exception:
        """A server that takes no more has said why before it closed."""
        try:
            head = self._connection.read_head()
            body = self._connection.read_body(head, _PART)
        except ConnectionLost:
            return self._transport.unreachable(error)
        return exception_from_response(head.status, body, _WHAT)


def upload_file(transport: "Transport", path: str, on_bytes: "Callable[[int], None]") -> str:
    """Sends a file of this machine.

    Raises:
        InvalidError: it cannot be read.
    """
    try:
        file = open(path, "rb")
        is_directory = os.path.isdir(path)
    except OSError as error:
        raise InvalidError("Cannot read %s: %s." % (path, error.strerror)) from None
    with file:
        if is_directory:
            raise InvalidError("%s is a directory." % path)
        upload = Upload(transport, on_bytes)
        try:
            while True:
                part = file.read(_PART)
                if not part:
                    return upload.finish()
                upload.write(part)
        finally:
            upload.close()


def _document(body: bytes) -> "dict[str, Any]":
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise InfrastructureError("The server's answer to %s is no JSON." % _WHAT)
    return document
