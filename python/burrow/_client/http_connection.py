"""One keep-alive HTTP/1.1 connection, reduced to what burrowd speaks.

`http.client` spends more time on a warm call than the call itself; this sends a whole request with
one system call and parses an answer that came in one piece without copying it about.
"""

from __future__ import annotations

import socket
from time import monotonic

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, TypeVar

    A = TypeVar("A")
    T = TypeVar("T")

_MAX_HEAD = 64 * 1024
_READ_SIZE = 256 * 1024
_LARGE = 1024 * 1024
_SILENCE = 60.0  # seconds for the next MiB of a large body


class ConnectionLost(Exception):
    """The peer closed or reset the connection, or broke the protocol; the request may be repeated."""


class AnswerTimeout(ConnectionLost):
    """The peer kept silent for longer than the deadline allows."""


class ResponseHead:
    """Status and headers; header names in lower case."""

    __slots__ = ("status", "headers", "keep_alive")

    def __init__(self, status: int, headers: "dict[str, str]", keep_alive: bool) -> None:
        self.status = status
        self.headers = headers
        self.keep_alive = keep_alive


class HttpConnection:
    """A connected socket that is used for one request at a time, by one thread at a time.

    Every method raises ConnectionLost when the connection is of no further use.
    """

    __slots__ = ("_socket", "_buffer", "_deadline", "used")

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._buffer = b""
        self._deadline = 0.0
        self.used = False

    def close(self) -> None:
        try:
            self._socket.close()
        except OSError:
            pass

    def shut_down(self) -> None:
        """Wakes a thread that reads from this connection; may be called from any thread."""
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def send(self, data: bytes, timeout: float) -> None:
        """Sends `data` whole; what follows must end within `timeout` seconds from now."""
        self._deadline = monotonic() + timeout
        self._socket.settimeout(timeout)
        try:
            self._socket.sendall(data)
        except socket.timeout:
            raise AnswerTimeout("the server did not take the request") from None
        except OSError as error:
            raise ConnectionLost(str(error)) from None

    def extend(self, timeout: float) -> None:
        """Moves the deadline to `timeout` seconds from now."""
        self._deadline = monotonic() + timeout

    def read_head(self) -> ResponseHead:
        """Reads an answer's head; interim (1xx) answers are skipped."""
        while True:
            end = self._buffer.find(b"\r\n\r\n")
            while end < 0:
                if len(self._buffer) > _MAX_HEAD:
                    raise ConnectionLost("the answer's head is too long")
                self._fill()
                end = self._buffer.find(b"\r\n\r\n")
            raw, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
            head = _parse_head(raw)
            if head.status >= 200:
                self.used = True
                return head

    def read_body(self, head: ResponseHead, limit: int) -> bytes:
        """Reads an answer's whole body of at most `limit` bytes.

        While a large one comes, the deadline moves with it.
        """
        length = head.headers.get("content-length", "")
        if length.isdigit() and _LARGE <= int(length) <= limit and head.status not in (204, 304):
            return self._read_large(int(length))
        parts, size = [], 0
        for part in self.iterate_body(head):
            size += len(part)
            if size > limit:
                raise ConnectionLost("the answer is larger than %d bytes" % limit)
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def iterate_body(self, head: ResponseHead) -> "Iterator[bytes]":
        """Yields an answer's body as it comes in."""
        headers = head.headers
        if head.status in (204, 304):
            return
        if "chunked" in headers.get("transfer-encoding", "").lower():
            yield from self._iterate_chunks()
        elif "content-length" in headers:
            length = headers["content-length"]
            if not length.isdigit():
                raise ConnectionLost("the answer's length is not a number")
            yield from self._iterate_exactly(int(length))
        else:
            head.keep_alive = False
            yield from self._iterate_until_closed()

    def _read_large(self, size: int) -> bytearray:
        """Into one buffer: each page of memory that is touched once more costs as much as its bytes."""
        body = bytearray(size)
        view = memoryview(body)
        at = min(len(self._buffer), size)
        view[:at] = self._buffer[:at]
        self._buffer = self._buffer[at:]
        extended = 0
        while at < size:
            count = self._receive_into(view[at : at + _LARGE])
            if count == 0:
                raise ConnectionLost("the server closed the connection")
            at += count
            if at - extended >= _LARGE:
                self.extend(_SILENCE)
                extended = at
        return body

    def _iterate_exactly(self, size: int) -> "Iterator[bytes]":
        while size:
            if not self._buffer:
                self._fill()
            part = self._buffer if len(self._buffer) <= size else self._buffer[:size]
            self._buffer = self._buffer[len(part) :]
            size -= len(part)
            yield part

    def _iterate_chunks(self) -> "Iterator[bytes]":
        while True:
            line = self._read_line()
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError:
                raise ConnectionLost("the answer's chunk size is not a number") from None
            if size == 0:
                while self._read_line():
                    pass
                return
            yield from self._iterate_exactly(size)
            if self._read_line():
                raise ConnectionLost("the answer's chunk is longer than it says")

    def _iterate_until_closed(self) -> "Iterator[bytes]":
        while True:
            if self._buffer:
                part, self._buffer = self._buffer, b""
                yield part
            part = self._receive()
            if not part:
                return
            self._buffer = part

    def _read_line(self) -> bytes:
        while True:
            end = self._buffer.find(b"\r\n")
            if end >= 0:
                line, self._buffer = self._buffer[:end], self._buffer[end + 2 :]
                return line
            if len(self._buffer) > _MAX_HEAD:
                raise ConnectionLost("the answer holds an endless line")
            self._fill()

    def _fill(self) -> None:
        part = self._receive()
        if not part:
            raise ConnectionLost("the server closed the connection")
        self._buffer = self._buffer + part if self._buffer else part

    def _receive(self) -> bytes:
        return self._timed(self._socket.recv, _READ_SIZE)

    def _receive_into(self, view: memoryview) -> int:
        return self._timed(self._socket.recv_into, view)

    def _timed(self, receive: Callable[[A], T], argument: A) -> T:
        remaining = self._deadline - monotonic()
        if remaining <= 0:
            raise AnswerTimeout("the server did not answer in time")
        try:
            self._socket.settimeout(remaining)
            return receive(argument)
        except socket.timeout:
            raise AnswerTimeout("the server did not answer in time") from None
        except OSError as error:
            raise ConnectionLost(str(error)) from None


def _parse_head(raw: bytes) -> ResponseHead:
    lines = raw.decode("latin-1").split("\r\n")
    version, _, rest = lines[0].partition(" ")
    status = rest[:3]
    if not version.startswith("HTTP/1.") or not status.isdigit():
        raise ConnectionLost("the peer does not speak HTTP")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    connection = headers.get("connection", "").lower()
    keep_alive = "keep-alive" in connection if version == "HTTP/1.0" else "close" not in connection
    return ResponseHead(int(status), headers, keep_alive)


def open_socket(host: str, port: int, secure: bool, timeout: float) -> socket.socket:
    """Connects, without Nagle's delay and with keep-alive probes that notice a dead peer in 35 s.

    Raises OSError.
    """
    # As bytes it is spared the loading of a codec for international names.
    name: "Any" = host.encode() if host.isascii() else host
    connected = socket.create_connection((name, port), timeout)
    try:
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, value in (("TCP_KEEPIDLE", 20), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, option):
                connected.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
        if secure:
            import ssl

            connected = ssl.create_default_context().wrap_socket(connected, server_hostname=host)
        return connected
    except BaseException:
        connected.close()
        raise


def open_unix_socket(path: str, timeout: float) -> socket.socket:
    """Connects to a socket that is a file. Raises OSError."""
    connected = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connected.settimeout(timeout)
        connected.connect(path)
        return connected
    except BaseException:
        connected.close()
        raise
