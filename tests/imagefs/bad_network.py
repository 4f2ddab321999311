"""A way between client and server that fails as it is told: slow, cut, silent, or with changed bytes.

It forwards HTTP/1.1 of one server, request by request, so that it knows what is a body.
"""

from __future__ import annotations

import socket
import threading
import time
from typing import BinaryIO, Callable, List, Optional, Tuple

Head = Tuple[bytes, "dict[bytes, bytes]"]
_PIECE = 64 << 10


class BadNetwork:
    """Listens on a port of its own. `fail` says what happens to the answers of blob requests.

    Faults: "truncate" (the connection ends in the middle of the body), "reset" (the same by RST),
    "stall" (silence in the middle), "corrupt" (one bit of the body differs), "trickle" (the body
    in small pieces with pauses), "drip" (a byte from time to time, to no end), or a number: that
    status instead of the answer.
    """

    def __init__(self, url: str) -> None:
        host, _, port = url.rpartition("://")[2].rpartition(":")
        self._server = (host, int(port))
        self._lock = threading.Condition()
        self._fault: "Optional[str | int]" = None
        self._left = 0
        self._open: "List[socket.socket]" = []
        self.failed = 0  # answers that met a fault
        self._listener: Optional[socket.socket] = None
        self._port = 0
        self.up()

    @property
    def url(self) -> str:
        return "http://127.0.0.1:%d" % self._port

    def url_of(self, host: str) -> str:
        return "http://%s:%d" % (host, self._port)

    def fail(self, fault: "str | int", times: int = 1 << 30) -> None:
        """The next `times` answers fail so."""
        with self._lock:
            self._fault, self._left, self.failed = fault, times, 0

    def heal(self) -> None:
        """Listens and forwards again; what stalled is cut."""
        with self._lock:
            self._fault, self._left = None, 0
            self._lock.notify_all()
        self.up()

    def down(self) -> None:
        """Nobody listens, and open connections are gone."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.cut()

    def cut(self) -> None:
        """Open connections are gone; new ones are possible."""
        with self._lock:
            connections, self._open = self._open, []
        for connection in connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def up(self) -> None:
        if self._listener is None:
            self._listener = socket.create_server(("127.0.0.1", self._port), backlog=128)
            self._port = self._listener.getsockname()[1]
            threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def close(self) -> None:
        self.heal()
        self.down()

    def wait_for_failure(self, within_s: float = 30.0) -> None:
        """Returns when an answer has met the fault."""
        with self._lock:
            assert self._lock.wait_for(lambda: self.failed > 0, within_s), "nothing was asked for"

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        try:
            server = socket.create_connection(self._server, timeout=60)
        except OSError:
            client.close()
            return
        with self._lock:
            self._open += [client, server]
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with client, server, client.makefile("rb") as asked, server.makefile("rb") as answered:
            try:
                while self._forward(client, server, asked, answered):
                    pass
            except (OSError, ValueError):
                pass

    def _forward(
        self, client: socket.socket, server: socket.socket, asked: BinaryIO, answered: BinaryIO
    ) -> bool:
        """One request and its answer; false where the connection has ended."""
        head = _read_head(asked)
        if head is None:
            return False
        server.sendall(head[0])
        _copy(asked, int(head[1].get(b"content-length", b"0")), server.sendall)
        answer = _read_head(answered)
        if answer is None:
            return False
        fault = self._next_fault(head[0])
        if fault is None:
            client.sendall(answer[0])
            if b"chunked" in answer[1].get(b"transfer-encoding", b""):
                _copy_chunks(answered, client.sendall)
            else:
                _copy(answered, _body_length(head[0], answer), client.sendall)
            return True
        return self._fail(fault, client, answer, answered)

    def _next_fault(self, request: bytes) -> "Optional[str | int]":
        if b"/blobs/" not in request.split(b"\r\n", 1)[0]:
            return None
        with self._lock:
            if self._left <= 0:
                return None
            self._left -= 1
            self.failed += 1
            self._lock.notify_all()
            return self._fault

    def _fail(
        self, fault: "str | int", client: socket.socket, answer: Head, answered: BinaryIO
    ) -> bool:
        if isinstance(fault, int):
            client.sendall(b"HTTP/1.1 %d Fault\r\nContent-Length: 0\r\n" % fault)
            client.sendall(b"Connection: close\r\n\r\n")
            return False
        pieces: "List[bytes]" = []
        if b"chunked" in answer[1].get(b"transfer-encoding", b""):
            _copy_chunks(answered, pieces.append)
        else:
            _copy(answered, int(answer[1].get(b"content-length", b"0")), pieces.append)
        body = b"".join(pieces)
        client.sendall(answer[0])
        middle = len(body) // 2
        if fault == "corrupt":
            client.sendall(body[:middle] + bytes([body[middle] ^ 1]) + body[middle + 1 :])
            return True
        if fault == "trickle":
            step = max(1, len(body) // 20)
            for start in range(0, len(body), step):
                client.sendall(body[start : start + step])
                time.sleep(0.01)
            return True
        if fault == "drip":
            for byte in body:
                client.sendall(bytes([byte]))
                time.sleep(0.02)
            return False
        client.sendall(body[:middle])
        if fault == "stall":
            with self._lock:
                self._lock.wait_for(lambda: self._left <= 0, 120)
        if fault == "reset":
            linger_off = b"\x01\0\0\0\0\0\0\0"
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_off)
        return False


def _read_head(stream: BinaryIO) -> "Optional[Head]":
    lines = []
    while True:
        line = stream.readline(64 << 10)
        if not line:
            return None
        lines.append(line)
        if line == b"\r\n":
            break
    headers = {}
    for line in lines[1:-1]:
        name, _, value = line.partition(b":")
        headers[name.strip().lower()] = value.strip()
    return b"".join(lines), headers


def _body_length(request: bytes, answer: Head) -> int:
    status = int(answer[0].split(None, 2)[1])
    if request.startswith(b"HEAD ") or status in (204, 304):
        return 0
    return int(answer[1].get(b"content-length", b"0"))


def _copy(stream: BinaryIO, length: int, sink: "Callable[[bytes], object]") -> None:
    while length > 0:
        piece = stream.read(min(length, _PIECE))
        if not piece:
            raise ValueError("the body is short")
        sink(piece)
        length -= len(piece)


def _copy_chunks(stream: BinaryIO, sink: "Callable[[bytes], object]") -> None:
    """A chunked body as it stands."""
    while True:
        line = stream.readline(1024)
        sink(line)
        length = int(line.split(b";")[0], 16)
        _copy(stream, length + 2, sink)
        if length == 0:
            return
