from __future__ import annotations

import hashlib
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator

import pytest
from fake_server import ConnectFailure, DropConnection, FakeServer

import burrow._client.transport as transport_module
from burrow import exception
from burrow._client.blobs import BlobClient
from burrow._client.config import Config
from burrow._client.errors import exception_from_response
from burrow._client.http_connection import ConnectionLost
from burrow._client.resumed_outputs import resumed_outputs
from burrow._client.stream import Stream
from burrow._client.transport import Transport


def test_a_call_carries_token_and_protocol(server: FakeServer, transport: Transport) -> None:
    server.methods["Apps/List"] = lambda request: {"apps": [{"name": request["x"]}]}
    assert transport.unary("Apps/List", {"x": "é"}) == {"apps": [{"name": "é"}]}
    headers = server.headers[0]
    assert headers["authorization"] == "Bearer secret"
    assert headers["connect-protocol-version"] == "1"
    assert headers["content-type"] == "application/json"


def test_connections_are_kept(server: FakeServer, transport: Transport) -> None:
    server.methods["Apps/List"] = lambda request: {}
    for _ in range(20):
        transport.unary("Apps/List", {})
    assert server.connections == 1


def test_parallel_calls_do_not_mix(server: FakeServer, transport: Transport) -> None:
    server.methods["Echo"] = lambda request: request
    wrong = []

    def work(number: int) -> None:
        for step in range(50):
            if transport.unary("Echo", {"n": number, "s": step}) != {"n": number, "s": step}:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and server.connections <= 8


def test_a_lost_connection_repeats_the_same_request(
    server: FakeServer, transport: Transport
) -> None:
    answers = iter([DropConnection(), DropConnection(), None])

    def handle(request: Dict[str, Any]) -> Dict[str, Any]:
        fault = next(answers)
        if fault is not None:
            raise fault
        return {"ok": True}

    server.methods["Calls/Invoke"] = handle
    assert transport.unary("Calls/Invoke", {"callId": "fc-1"}) == {"ok": True}
    assert server.called("Calls/Invoke") == 3 * [{"callId": "fc-1"}]


def test_an_unavailable_server_is_asked_again(server: FakeServer, transport: Transport) -> None:
    answers = iter([ConnectFailure("unavailable", "starting", 503), None])

    def handle(request: Dict[str, Any]) -> Dict[str, Any]:
        fault = next(answers)
        if fault is not None:
            raise fault
        return {}

    server.methods["Apps/List"] = handle
    assert transport.unary("Apps/List", {}) == {}


@pytest.mark.parametrize(
    "code, kind",
    [
        ("unauthenticated", exception.AuthError),
        ("not_found", exception.NotFoundError),
        ("invalid_argument", exception.InvalidError),
        ("resource_exhausted", exception.ResourceExhaustedError),
        ("permission_denied", exception.PermissionDeniedError),
        ("failed_precondition", exception.ConflictError),
        ("aborted", exception.ConflictError),
        ("already_exists", exception.AlreadyExistsError),
        ("internal", exception.InternalError),
        ("data_loss", exception.InternalError),
        ("unknown", exception.ServiceError),
        ("a code of tomorrow", exception.InfrastructureError),
    ],
)
def test_codes_become_exceptions(
    server: FakeServer, transport: Transport, code: str, kind: type
) -> None:
    def fail(request: Dict[str, Any]) -> None:
        raise ConnectFailure(code, "Do this instead.")

    server.methods["Apps/List"] = fail
    with pytest.raises(kind, match="Do this instead.") as raised:
        transport.unary("Apps/List", {})
    assert type(raised.value) is kind and len(server.requests) == 1


@pytest.mark.parametrize(
    "code, status, kind",
    [
        ("unimplemented", 404, exception.VersionError),
        ("unimplemented", 501, exception.InvalidError),
        ("resource_exhausted", 413, exception.RequestSizeError),
        ("resource_exhausted", 429, exception.ResourceExhaustedError),
    ],
)
def test_some_statuses_say_more_than_their_codes(code: str, status: int, kind: type) -> None:
    body = b'{"code":"%b","message":"No."}' % code.encode("ascii")
    error = exception_from_response(status, body, "Apps/List")
    assert type(error) is kind and str(error).startswith("No.")


@pytest.mark.parametrize(
    "kind, wider",
    [
        (exception.OutputExpiredError, exception.TimeoutError),
        (exception.OutputExpiredError, exception.NotFoundError),
        (exception.PermissionDeniedError, exception.AuthError),
        (exception.ConflictError, exception.InvalidError),
        (exception.VersionError, exception.InvalidError),
        (exception.DeserializationError, exception.SerializationError),
        (exception.RequestSizeError, exception.SerializationError),
        (exception.InternalError, exception.InfrastructureError),
        (exception.InfrastructureError, exception.InternalFailure),
        (exception.ConnectionError, exception.ServiceError),
        (exception.ContainerCrashedError, exception.ExecutionError),
        (exception.AppNotRunningError, exception.ExecutionError),
        (exception.AppNotRunningError, exception.InvalidError),
        (exception.TimeoutError, TimeoutError),
    ],
)
def test_whoever_takes_an_error_takes_those_that_are_told_apart_in_it(
    kind: type, wider: type
) -> None:
    assert issubclass(kind, wider) and issubclass(kind, exception.Error)


def test_nobody_there_is_said_at_once() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = "http://127.0.0.1:%d" % unused.getsockname()[1]
        with pytest.raises(exception.ConnectionError, match="burrowd up.*BURROW_URL"):
            Transport(Config(url, "", "test")).unary("Apps/List", {})


def test_a_server_that_leaves_for_good_is_given_up(
    monkeypatch: pytest.MonkeyPatch, transport: Transport
) -> None:
    monkeypatch.setattr(transport_module, "PATIENCE", 0.1)
    fake = FakeServer()
    transport = Transport(Config(fake.url, "", "test"))
    fake.methods["Apps/List"] = lambda request: {}
    transport.unary("Apps/List", {})
    fake.close()
    transport.close()
    with pytest.raises(exception.ConnectionError, match="burrowd up"):
        transport.unary("Apps/List", {})


def test_a_stream_yields_until_its_end(server: FakeServer, transport: Transport) -> None:
    server.methods["Watch"] = lambda request: iter([{"n": 1}, {"n": 2}])
    assert list(Stream(transport, "Watch", {}, 5)) == [{"n": 1}, {"n": 2}]


def test_a_stream_ends_with_the_servers_error(server: FakeServer, transport: Transport) -> None:
    def build(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"n": 1}
        raise ConnectFailure("not_found", "No such image.")

    server.methods["Build"] = build
    stream = iter(Stream(transport, "Build", {}, 5))
    assert next(stream) == {"n": 1}
    with pytest.raises(exception.NotFoundError, match="No such image"):
        next(stream)


def test_a_stream_that_breaks_off_is_no_end(server: FakeServer, transport: Transport) -> None:
    def watch(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {}
        raise DropConnection()

    server.methods["Watch"] = watch
    with pytest.raises(ConnectionLost):
        list(Stream(transport, "Watch", {}, 5))


def test_outputs_resume_behind_what_was_taken(server: FakeServer, transport: Transport) -> None:
    def outputs(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        cursor = int(request["cursor"])
        yield {"outputs": [{"index": cursor}], "cursor": str(cursor + 1)}
        if cursor < 4:
            raise DropConnection()

    server.methods["Calls/Outputs"] = outputs
    found = [output["index"] for output in resumed_outputs(transport, {"groupId": "fg-1"})]
    assert found == [0, 1, 2, 3, 4]
    assert {request["groupId"] for request in server.called("Calls/Outputs")} == {"fg-1"}


def test_blobs_travel_once(server: FakeServer, transport: Transport) -> None:
    blobs = BlobClient(transport)
    data = bytes(3_000_000)
    digest = blobs.upload_bytes(data)
    assert blobs.upload_bytes(data) == digest
    assert server.uploads == [digest]
    assert blobs.fetch(digest, 10_000_000) == data


def test_a_large_file_is_streamed(server: FakeServer, transport: Transport, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20000
    path = tmp_path / "large"
    path.write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    BlobClient(transport).upload_file(str(path), digest, len(data))
    assert server.blobs[digest] == data


def test_a_file_that_changed_is_not_uploaded(
    server: FakeServer, transport: Transport, tmp_path: Path
) -> None:
    path = tmp_path / "f"
    for size in (10, 2_000_000):
        path.write_bytes(b"a" * size)
        digest = hashlib.sha256(b"b" * size).hexdigest()
        with pytest.raises(exception.InvalidError, match="changed while"):
            BlobClient(transport).upload_file(str(path), digest, size)
    assert not server.uploads


def test_a_damaged_download_is_refused(server: FakeServer, transport: Transport) -> None:
    digest = "0" * 64
    server.blobs[digest] = b"something else"
    with pytest.raises(exception.InfrastructureError, match="damaged"):
        BlobClient(transport).fetch(digest, 1000)
