"""Unary requests of the Connect protocol over a pool of keep-alive connections.

A request whose connection is lost is repeated: each request of Burrow's API may be, because calls
and groups carry ids that the client chose. Everything here may be used from any thread.
"""

from __future__ import annotations

import json
import os
import time

from burrow._client.errors import ServerUnavailable, exception_from_response
from burrow._client.http_connection import (
    AnswerTimeout,
    ConnectionLost,
    HttpConnection,
    open_socket,
    open_unix_socket,
)
from burrow.exception import ConnectionError, ServiceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.config import Config
    from burrow._client.http_connection import ResponseHead

CONNECT_TIMEOUT = 5.0
DEFAULT_TIMEOUT = 30.0
MAX_ANSWER = 64 * 1024 * 1024
# How long whatever waits for a server that has answered before goes on trying: it restarts, or its machine does.
PATIENCE = 60.0


class Transport:
    """Requests to one server."""

    def __init__(self, config: "Config") -> None:
        self.config = config
        self._idle: "list[HttpConnection]" = []
        self._process = os.getpid()
        self._reached = bool(config.socket)  # a container has its socket from its start
        self._heads: "dict[str, bytes]" = {}
        host = "[%s]" % config.host if ":" in config.host else config.host
        fixed = "Host: %s:%d\r\nUser-Agent: burrow-python\r\n" % (host, config.port)
        if config.token:
            fixed += "Authorization: Bearer %s\r\n" % config.token
        self._fixed_headers = fixed

    def close(self) -> None:
        """Closes the idle connections; the transport can still be used."""
        while self._idle:
            self._idle.pop().close()

    def head(self, verb: str, path: str, extra: str = "") -> bytes:
        """A request's head up to the value of Content-Length, which the caller appends."""
        return (
            "%s %s%s HTTP/1.1\r\n%s%sContent-Length: "
            % (verb, self.config.prefix, path, self._fixed_headers, extra)
        ).encode("ascii")

    def chunked_head(self, verb: str, path: str) -> bytes:
        """The whole head of a request whose body comes in chunks."""
        head = self.head(verb, path, "Content-Type: application/octet-stream\r\n")
        return head[: head.rindex(b"Content-Length")] + b"Transfer-Encoding: chunked\r\n\r\n"

    def unary_json(self, method: str, body: bytes, timeout: float = DEFAULT_TIMEOUT) -> "Any":
        """Sends a JSON request to `method` ("Calls/Invoke") and returns the decoded answer.

        Args:
            timeout: seconds for one attempt, from sending to the last byte of the answer.
        """
        head = self._heads.get(method)
        if head is None:
            head = self._heads[method] = self.head(
                "POST",
                "/burrow.v1." + method,
                "Content-Type: application/json\r\nConnect-Protocol-Version: 1\r\n",
            )
        answer = self.exchange(b"%b%d\r\n\r\n%b" % (head, len(body), body), method, timeout)
        try:
            return json.loads(answer)
        except ValueError:
            raise ServiceError(
                "The server's answer to %s is no JSON: is %s really burrowd?"
                % (method, self.config.url)
            ) from None

    def unary(self, method: str, message: object, timeout: float = DEFAULT_TIMEOUT) -> "Any":
        """Like unary_json, for a message that is not encoded yet."""
        body = json.dumps(message, separators=(",", ":")).encode("utf-8")
        return self.unary_json(method, body, timeout)

    def exchange(self, request: bytes, what: str, timeout: float, limit: int = MAX_ANSWER) -> bytes:
        """Sends a whole request and returns the body of a 200 answer, repeating it when lost.

        Raises:
            ConnectionError: the server cannot be reached.
            Error: what the server answered; see errors.py.
        """
        give_up = 0.0
        pause = 0.02
        while True:
            try:
                return self._exchange_once(request, what, timeout, limit)
            except (OSError, ConnectionLost, ServerUnavailable) as error:
                now = time.monotonic()
                if not give_up:
                    give_up = now + (PATIENCE if self._reached else 0.0)
                if now + pause > give_up:
                    raise self.unreachable(error) from None
            time.sleep(pause)
            pause = min(pause * 2, 1.0)

    def _exchange_once(self, request: bytes, what: str, timeout: float, limit: int) -> bytes:
        connection = self.take()
        try:
            was_used = connection.used
            try:
                connection.send(request, timeout)
                head = connection.read_head()
            except AnswerTimeout:
                raise
            except ConnectionLost:
                if not was_used:
                    raise
                # The server closed this connection while it was idle: no fault, a new one will do.
                connection.close()
                connection = self.connect()
                connection.send(request, timeout)
                head = connection.read_head()
            body = connection.read_body(head, limit)
        except BaseException:
            connection.close()
            raise
        self.give_back(connection, head)
        if not 200 <= head.status < 300:
            retry_after = head.headers.get("retry-after", "")
            raise exception_from_response(head.status, body, what, retry_after)
        return body

    def take(self) -> HttpConnection:
        """An idle connection, or a new one. Raises OSError."""
        if self._process != os.getpid():  # a fork shares the sockets: leave them to the parent
            self._idle, self._process = [], os.getpid()
        try:
            return self._idle.pop()
        except IndexError:
            return self.connect()

    def connect(self) -> HttpConnection:
        """A new connection. Raises OSError."""
        config = self.config
        if config.socket:
            return HttpConnection(open_unix_socket(config.socket, CONNECT_TIMEOUT))
        secure = config.scheme == "https"
        connection = HttpConnection(open_socket(config.host, config.port, secure, CONNECT_TIMEOUT))
        self._reached = True
        return connection

    def give_back(self, connection: HttpConnection, head: "ResponseHead") -> None:
        """Returns a connection whose answer has been read whole."""
        if head.keep_alive and len(self._idle) < 64:
            self._idle.append(connection)
        else:
            connection.close()

    def unreachable(self, error: Exception) -> Exception:
        """The exception for a server that stays away."""
        if isinstance(error, ServerUnavailable):
            return ServiceError("%s" % error)
        if isinstance(error, AnswerTimeout):
            return ConnectionError(
                "The Burrow server at %s does not answer in time: look at burrowd's log."
                % self.config.url
            )
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        if self.config.socket:
            return ConnectionError(
                "The worker of this container does not answer at %s (%s): look at burrowd's log."
                % (self.config.socket, reason)
            )
        return ConnectionError(
            "Cannot reach the Burrow server at %s (%s): start it with 'burrowd up' or set BURROW_URL."
            % (self.config.url, reason)
        )
