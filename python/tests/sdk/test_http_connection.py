from __future__ import annotations

import socket
import threading
from typing import List, Tuple

import pytest

from burrow._client.http_connection import AnswerTimeout, ConnectionLost, HttpConnection


def read(*parts: bytes) -> Tuple[int, bytes]:
    ours, theirs = socket.socketpair()
    for part in parts:
        theirs.sendall(part)
    theirs.close()
    connection = HttpConnection(ours)
    connection.extend(5)
    head = connection.read_head()
    return head.status, connection.read_body(head, 1000)


def test_a_body_of_known_length() -> None:
    assert read(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") == (200, b"hello")


def test_a_body_that_arrives_byte_by_byte() -> None:
    answer = b"HTTP/1.1 404 Not Found\r\ncontent-length:5\r\n\r\nhello"
    ours, theirs = socket.socketpair()

    def drip() -> None:
        for byte in answer:
            theirs.send(bytes([byte]))

    threading.Thread(target=drip, daemon=True).start()
    connection = HttpConnection(ours)
    connection.extend(5)
    head = connection.read_head()
    assert (head.status, head.keep_alive) == (404, True)
    assert connection.read_body(head, 1000) == b"hello"


def test_a_chunked_body_with_extensions_and_trailers() -> None:
    answer = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"5;x=y\r\nhello\r\n1\r\n!\r\n0\r\nTrailer: x\r\n\r\n"
    )
    assert read(answer) == (200, b"hello!")


def test_a_body_that_ends_with_the_connection() -> None:
    assert read(b"HTTP/1.0 200 OK\r\n\r\nall ", b"of it") == (200, b"all of it")


def test_interim_answers_are_skipped() -> None:
    answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"
    assert read(answer) == (204, b"")


def test_two_answers_in_one_piece() -> None:
    ours, theirs = socket.socketpair()
    theirs.sendall(2 * b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")
    connection = HttpConnection(ours)
    connection.extend(5)
    bodies: List[bytes] = []
    for _ in range(2):
        bodies.append(connection.read_body(connection.read_head(), 10))
    assert bodies == [b"a", b"a"]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + 2000 * b"x",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + 100000 * b"x",
    ],
)
def test_what_is_broken_loses_the_connection(answer: bytes) -> None:
    with pytest.raises(ConnectionLost):
        read(answer)


def test_silence_ends_at_the_deadline() -> None:
    ours, theirs = socket.socketpair()
    connection = HttpConnection(ours)
    connection.send(b"request", 0.05)
    with pytest.raises(AnswerTimeout):
        connection.read_head()
    theirs.close()


def test_shutting_down_wakes_the_reader() -> None:
    ours, theirs = socket.socketpair()
    connection = HttpConnection(ours)
    connection.extend(60)
    threading.Timer(0.05, connection.shut_down).start()
    with pytest.raises(ConnectionLost):
        connection.read_head()
    theirs.close()
