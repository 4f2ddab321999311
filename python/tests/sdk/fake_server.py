"""A Connect server on loopback whose methods are plain functions, for tests of the client's side."""

from __future__ import annotations

import hashlib
import json
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, Iterator, List, Tuple

Handler = Callable[[Dict[str, Any]], Any]


class ConnectFailure(Exception):
    """Answered as a Connect error."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class DropConnection(Exception):
    """Makes the server close the connection without an answer."""


class FakeServer:
    """Serves `methods` ("Calls/Invoke" -> function of the request) and a blob store.

    A method that returns a dict is unary, one that returns an iterator is a server stream.
    """

    def __init__(self) -> None:
        self.methods: Dict[str, Handler] = {"Blobs/Missing": self._missing}
        self.blobs: Dict[str, bytes] = {}
        self.requests: List[Tuple[str, Dict[str, Any]]] = []
        self.headers: List[Dict[str, str]] = []
        self.uploads: List[str] = []
        self.archives: List[bytes] = []  # what came to /uploads: "up-1", "up-2", ...
        self.connections = 0
        self._http = _Server(("127.0.0.1", 0), _RequestHandler)
        self._http.fake = self
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return "http://127.0.0.1:%d" % self._http.server_address[1]

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()

    def called(self, method: str) -> List[Dict[str, Any]]:
        return [request for name, request in self.requests if name == method]

    def _missing(self, request: Dict[str, Any]) -> Dict[str, Any]:
        return {"digests": [d for d in request["digests"] if d not in self.blobs]}


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64
    fake: FakeServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


class _RequestHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def setup(self) -> None:
        super().setup()
        self.fake.connections += 1

    @property
    def fake(self) -> FakeServer:
        server = self.server
        assert isinstance(server, _Server)
        return server.fake

    def log_message(self, format: str, *arguments: Any) -> None:
        pass

    def do_POST(self) -> None:
        if self.path == "/uploads":
            self.fake.archives.append(b"".join(iter(self._read_chunk, b"")))
            self._answer(201, b'{"upload": "up-%d"}' % len(self.fake.archives))
            return
        body = self.rfile.read(int(self.headers["Content-Length"]))
        method = self.path.replace("/burrow.v1.", "", 1)
        streams = self.headers["Content-Type"] == "application/connect+json"
        request = json.loads(body[5:] if streams else body)
        self.fake.requests.append((method, request))
        self.fake.headers.append({k.lower(): v for k, v in self.headers.items()})
        try:
            answer = self.fake.methods[method](request)
        except DropConnection:
            self.close_connection = True
        except ConnectFailure as failure:
            if streams:
                self._stream(_failing(failure))
            else:
                document = {"code": failure.code, "message": str(failure)}
                self._answer(failure.status, json.dumps(document).encode())
        else:
            if streams:
                self._stream(iter(answer))
            else:
                self._answer(200, json.dumps(answer).encode())

    def _read_chunk(self) -> bytes:
        size = int(self.rfile.readline(), 16)
        return self.rfile.read(size + len("\r\n"))[:size]

    def do_PUT(self) -> None:
        data = self.rfile.read(int(self.headers["Content-Length"]))
        digest = self.path.rpartition("/")[2]
        if digest == "pack":
            for blob in read_pack(data):
                self._store(hashlib.sha256(blob).hexdigest(), blob)
            self._answer(201, b"{}")
            return
        if hashlib.sha256(data).hexdigest() != digest:
            self._answer(400, b'{"code":"invalid_argument","message":"digest mismatch"}')
            return
        self._store(digest, data)
        self._answer(201, b"")

    def _store(self, digest: str, data: bytes) -> None:
        self.fake.uploads.append(digest)
        self.fake.blobs[digest] = data

    def do_GET(self) -> None:
        data = self.fake.blobs.get(self.path.rpartition("/")[2])
        if data is None:
            self._answer(404, b'{"code":"not_found","message":"There is no such blob."}')
        else:
            self._answer(200, data)

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def _stream(self, messages: Iterator[Dict[str, Any]]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/connect+json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()
        end: Dict[str, Any] = {}
        try:
            for message in messages:
                self._chunk(0, message)
        except DropConnection:
            self.close_connection = True
            return
        except ConnectFailure as failure:
            end = {"error": {"code": failure.code, "message": str(failure)}}
        self._chunk(2, end)
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _chunk(self, flags: int, message: Dict[str, Any]) -> None:
        data = json.dumps(message).encode()
        data = struct.pack(">BI", flags, len(data)) + data
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))
        self.wfile.flush()


def read_pack(pack: bytes) -> Iterator[bytes]:
    """The blobs of a pack whose frames are stored, checked against the entries' digests."""
    assert pack[:8] == b"BRPK\x01\0\0\0"
    position, seen = 16, 0
    while True:
        kind, count, raw, stored = struct.unpack_from("<IIII", pack, position)
        position += 16
        if kind == 3:
            assert (count, position) == (seen, len(pack))
            return
        entries = [struct.unpack_from("<32sI", pack, position + 36 * n) for n in range(count)]
        position += 36 * count
        content = _stored_content(pack[position : position + stored])
        assert len(content) == raw == sum(size for _, size in entries)
        position, start, seen = position + stored, 0, seen + count
        for digest, size in entries:
            blob = content[start : start + size]
            assert hashlib.sha256(blob).digest() == digest
            start += size
            yield blob


def _stored_content(frame: bytes) -> bytes:
    """What a zstd frame of stored blocks holds."""
    magic, descriptor, size = struct.unpack_from("<IBI", frame)
    assert (magic, descriptor) == (0xFD2FB528, 0xA0)
    content, position, last = b"", 9, False
    while not last:
        header = int.from_bytes(frame[position : position + 3], "little")
        last, kind, length = bool(header & 1), header >> 1 & 3, header >> 3
        assert kind == 0 and length <= 128 * 1024
        content += frame[position + 3 : position + 3 + length]
        position += 3 + length
    assert len(content) == size and position == len(frame)
    return content


def _failing(failure: ConnectFailure) -> Iterator[Dict[str, Any]]:
    raise failure
    yield {}
