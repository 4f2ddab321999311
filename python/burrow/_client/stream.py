"""Server streams of the Connect protocol, on a connection of their own."""

from __future__ import annotations

import json

from burrow._client import envelope
from burrow._client.errors import exception_for, exception_from_response
from burrow._client.http_connection import ConnectionLost

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

    from burrow._client.http_connection import HttpConnection
    from burrow._client.transport import Transport

_HEADERS = "Content-Type: application/connect+json\r\nConnect-Protocol-Version: 1\r\n"


class Stream:
    """One open server stream. Iterate it in one thread; `close` may be called from any.

    Iteration ends with the stream, and raises ConnectionLost when the connection breaks (the
    caller decides whether to resume), AnswerTimeout after `idle_timeout` seconds without a byte, or
    the exception that the server ended the stream with.
    """

    def __init__(
        self, transport: "Transport", method: str, message: object, idle_timeout: float
    ) -> None:
        body = envelope.encode(json.dumps(message, separators=(",", ":")).encode("utf-8"))
        head = transport.head("POST", "/burrow.v1." + method, _HEADERS)
        self._method = method
        self.idle_timeout = idle_timeout  # may be changed between two messages
        self._closed = False
        self._connection: "HttpConnection" = transport.connect()
        try:
            self._connection.send(b"%b%d\r\n\r\n%b" % (head, len(body), body), idle_timeout)
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Ends the stream; a thread that iterates it gets ConnectionLost."""
        self._closed = True
        self._connection.shut_down()

    def __iter__(self) -> "Iterator[Any]":
        connection = self._connection
        try:
            head = connection.read_head()
            if head.status != 200:
                body = connection.read_body(head, envelope.MAX_MESSAGE)
                raise exception_from_response(head.status, body, self._method)
            decoder = envelope.EnvelopeDecoder()
            for part in connection.iterate_body(head):
                for flags, message in decoder.feed(part):
                    document = json.loads(message or b"{}")
                    if flags & envelope.END_OF_STREAM:
                        _raise_end(document)
                        return
                    yield document
                connection.extend(self.idle_timeout)
            raise ConnectionLost("the stream broke off")
        except ValueError as error:
            raise ConnectionLost("the stream is garbled: %s" % error) from None
        finally:
            connection.close()


def _raise_end(document: "Any") -> None:
    error = document.get("error")
    if error:
        raise exception_for(str(error.get("code", "unknown")), str(error.get("message", "")))
