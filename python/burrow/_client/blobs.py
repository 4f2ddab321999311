"""Uploads and downloads content named by its SHA-256."""

from __future__ import annotations

import hashlib
import os

from burrow._client.http_connection import ConnectionLost
from burrow.exception import InfrastructureError, InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, Iterator

    from burrow._client.transport import Transport

_PART = 1024 * 1024
_MISSING_BATCH = 10000
_TIMEOUT = 60.0
_ATTEMPTS = 4


class BlobClient:
    """The server's blob endpoint. May be used from any thread."""

    def __init__(self, transport: "Transport") -> None:
        self._transport = transport
        self.takes_packs = not transport.config.socket  # the socket of a container does not

    def missing(self, digests: "Iterable[str]") -> "set[str]":
        """Which of the digests the server lacks."""
        wanted = sorted(set(digests))
        lacking: "set[str]" = set()
        for start in range(0, len(wanted), _MISSING_BATCH):
            batch = wanted[start : start + _MISSING_BATCH]
            answer = self._transport.unary("Blobs/Missing", {"digests": batch})
            lacking.update(answer.get("digests", ()))
        return lacking

    def upload_bytes(self, data: bytes) -> str:
        """Makes sure that the server has `data`; returns its digest."""
        digest = hashlib.sha256(data).hexdigest()
        if self.missing([digest]):
            timeout = _TIMEOUT + len(data) / 1e6
            request = b"%b%d\r\n\r\n%b" % (self._put_head(digest), len(data), data)
            self._transport.exchange(request, "the upload of a blob", timeout)
        return digest

    def upload_pack(self, pack: bytes) -> None:
        """Uploads the blobs of a pack."""
        head = self._transport.head(
            "PUT", "/blobs/pack", "Content-Type: application/octet-stream\r\n"
        )
        request = b"%b%d\r\n\r\n%b" % (head, len(pack), pack)
        self._transport.exchange(request, "the upload of files", _TIMEOUT + len(pack) / 1e5)

    def upload_file(self, path: str, digest: str, size: int) -> None:
        """Uploads a file whose digest is known.

        Raises:
            InvalidError: the file changed since it was hashed, or cannot be read.
        """
        if size <= _PART:
            data = read_known(path, digest)
            request = b"%b%d\r\n\r\n%b" % (self._put_head(digest), len(data), data)
            self._transport.exchange(request, "the upload of " + path, _TIMEOUT)
            return
        for attempt in range(_ATTEMPTS):
            try:
                return self._stream_file(path, digest, size)
            except (OSError, ConnectionLost) as error:
                if attempt == _ATTEMPTS - 1:
                    raise self._transport.unreachable(error) from None

    def _stream_file(self, path: str, digest: str, size: int) -> None:
        from burrow._client.errors import exception_from_response

        try:
            file = open(path, "rb")
        except OSError as error:
            raise _unreadable(path, error) from None
        with file:
            if os.fstat(file.fileno()).st_size != size:
                raise _changed(path)
            connection = self._transport.connect()
            try:
                hasher = hashlib.sha256()
                part = file.read(_PART)
                request, left = b"%b%d\r\n\r\n" % (self._put_head(digest), size), size
                while part:
                    left -= len(part)
                    hasher.update(part)
                    if left < 0 or (left == 0 and hasher.hexdigest() != digest):
                        raise _changed(path)
                    connection.send(request + part, _TIMEOUT)
                    request, part = b"", file.read(_PART)
                if left:
                    raise _changed(path)
                connection.extend(_TIMEOUT)
                head = connection.read_head()
                body = connection.read_body(head, _PART)
            finally:
                connection.close()
        if head.status not in (200, 201, 204):
            raise exception_from_response(head.status, body, "the upload of " + path)

    def fetch(self, digest: str, limit: int) -> bytes:
        """Downloads and verifies a blob of at most `limit` bytes."""
        if len(digest) != 64 or not all(c in "0123456789abcdef" for c in digest):
            raise InfrastructureError("The server named a blob by a broken digest.")
        request = self._transport.head("GET", "/blobs/" + digest) + b"0\r\n\r\n"
        timeout = 2 * _TIMEOUT
        data = self._transport.exchange(request, "the download of a blob", timeout, limit)
        if hashlib.sha256(data).hexdigest() != digest:
            raise InfrastructureError(
                "The blob %s arrived damaged: try again, and look at the server's disk if it stays."
                % digest[:12]
            )
        return data

    def stream(self, digest: str) -> "Iterator[bytes]":
        """Downloads a blob in pieces; the end comes only once all of them are verified.

        A connection that is lost is made anew, and the rest asked for.
        """
        hasher = hashlib.sha256()
        done = 0
        for attempt in range(_ATTEMPTS):
            before = done
            try:
                for part in self._read_from(digest, done):
                    hasher.update(part)
                    done += len(part)
                    yield part
                break
            except (OSError, ConnectionLost) as error:
                if attempt == _ATTEMPTS - 1 and done == before:
                    raise self._transport.unreachable(error) from None
        if hasher.hexdigest() != digest:
            raise InfrastructureError(
                "The blob %s arrived damaged: try again, and look at the server's disk if it stays."
                % digest[:12]
            )

    def _read_from(self, digest: str, offset: int) -> "Iterator[bytes]":
        from burrow._client.errors import exception_from_response

        extra = "Range: bytes=%d-\r\n" % offset if offset else ""
        connection = self._transport.connect()
        try:
            connection.send(
                self._transport.head("GET", "/blobs/" + digest, extra) + b"0\r\n\r\n", _TIMEOUT
            )
            head = connection.read_head()
            if head.status != (206 if offset else 200):
                body = connection.read_body(head, _PART)
                raise exception_from_response(head.status, body, "the download of a file")
            for part in connection.iterate_body(head):
                connection.extend(_TIMEOUT)
                yield part
        finally:
            connection.close()

    def _put_head(self, digest: str) -> bytes:
        return self._transport.head(
            "PUT", "/blobs/" + digest, "Content-Type: application/octet-stream\r\n"
        )


def read_known(path: str, digest: str) -> bytes:
    """The bytes of a small file.

    Raises:
        InvalidError: it changed since it was hashed, or cannot be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_PART + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if hashlib.sha256(data).hexdigest() != digest:
        raise _changed(path)
    return data


def _unreadable(path: str, error: OSError) -> InvalidError:
    return InvalidError("Cannot read %s: %s." % (path, error.strerror))


def _changed(path: str) -> InvalidError:
    return InvalidError("%s changed while it was uploaded: run again." % path)
