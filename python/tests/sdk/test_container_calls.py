"""Calls that functions in containers make: over their worker's socket, without a token."""

from __future__ import annotations

import base64
import os
import socket
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from fake_server import ConnectFailure, FakeServer

import burrow
from burrow import _calling, _class_parts, _container_app, _serialization
from burrow._client import calls as calls_module
from burrow._client.config import load_config
from burrow.exception import AuthError, ConnectionError, InvalidError

app = burrow.App("inside")
elsewhere = burrow.App("elsewhere")


@app.function()
def double(x: int) -> int:
    return 2 * x


@elsewhere.function(name="double")
def other_double(x: int) -> int:
    return 2 * x


@app.cls()
class Counter:
    start: int = burrow.parameter(default=1)

    @burrow.method()
    def add(self, x: int) -> int:
        return self.start + x

    @burrow.method()
    def ask(self, x: int) -> Any:
        return self.add.remote(x)  # type: ignore[attr-defined]


class Door:
    """A socket that is a file, and leads to a server on loopback."""

    def __init__(self, path: str, server: FakeServer) -> None:
        self._address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(path)
        self._listening.listen(16)
        self.opened = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listening.close()

    def _serve(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            self.opened += 1
            far = socket.create_connection(self._address)
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=_pour, args=(one, other), daemon=True).start()


def _pour(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(65536)
            if not data:
                break
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


@pytest.fixture
def door(server: FakeServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Door]:
    path = str(tmp_path / "api.sock")
    opened = Door(path, server)
    for name, value in (("API_SOCKET", path), ("CONTAINER_ID", "ct-1"), ("APP_ID", "ap-own")):
        monkeypatch.setenv("BURROW_" + name, value)
    monkeypatch.setenv("BURROW_TOKEN", "never sent")
    monkeypatch.setattr(_container_app, "_known", None)
    monkeypatch.setattr(calls_module, "_of_container", None)
    monkeypatch.setattr(_calling, "served", double)
    server.methods["Deployments/FindFunction"] = lambda request: {
        "functionId": "fu-%s-%s" % (request["app"], request["function"])
    }
    server.methods["Calls/Invoke"] = _answer
    yield opened
    opened.close()


def _answer(request: Dict[str, Any]) -> Dict[str, Any]:
    data = _serialization.dumps("%s was called" % request["functionId"], what="a value")
    value = {"inline": base64.b64encode(data).decode()}
    return {"callId": "x", "status": "CALL_STATUS_SUCCESS", "value": value}


def test_a_function_calls_another_of_its_app(server: FakeServer, door: Door) -> None:
    assert double.remote(1) == "fu-ap-own-double was called"  # type: ignore[comparison-overlap]
    double.remote(2)
    assert server.called("Deployments/FindFunction") == [{"app": "ap-own", "function": "double"}]
    assert len(server.called("Calls/Invoke")) == 2
    assert all("authorization" not in headers for headers in server.headers)
    assert door.opened == 1


def test_functions_found_by_name_and_calls_found_by_id_share_the_connection(
    server: FakeServer, door: Door
) -> None:
    server.methods["Calls/Wait"] = lambda request: _answer({"functionId": request["callId"]})
    assert burrow.Function.from_name("shop", "buy").remote() == "fu-shop-buy was called"
    assert burrow.FunctionCall.from_id("fc-1").get() == "fc-1 was called"
    assert double.remote(1) == "fu-ap-own-double was called"  # type: ignore[comparison-overlap]
    assert door.opened == 1


def test_a_function_of_another_app_is_not_mistaken_for_one_of_this(door: Door) -> None:
    with pytest.raises(InvalidError, match="from_name\\('elsewhere', 'double'\\)"):
        other_double.remote(1)


def test_an_app_that_includes_the_other_is_the_same_app(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, part = burrow.App("whole"), burrow.App("part")
    inner = part.function(name="inner")(lambda: 1)
    outer = whole.function(name="outer")(lambda: 2)
    whole.include(part)
    for served, called in ((inner, outer), (outer, inner)):
        monkeypatch.setattr(_calling, "served", served)
        assert called.remote() == "fu-ap-own-%s was called" % called.name  # type: ignore[comparison-overlap]


def test_without_a_socket_nothing_can_be_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    with pytest.raises(InvalidError, match="use .local\\(\\) there"):
        double.remote(1)


def test_what_is_not_allowed_is_an_error_that_says_so(server: FakeServer, door: Door) -> None:
    def refuse(request: Dict[str, Any]) -> Dict[str, Any]:
        raise ConnectFailure("permission_denied", "functions may call functions", 403)

    server.methods["Deployments/UpdateAutoscaler"] = refuse
    with pytest.raises(AuthError, match="may call functions"):
        double.update_autoscaler(max_containers=1)


def test_a_worker_that_is_busy_is_asked_again(server: FakeServer, door: Door) -> None:
    refusals = [1, 2, 3]

    def busy(request: Dict[str, Any]) -> Dict[str, Any]:
        if refusals:
            refusals.pop()
            raise ConnectFailure("unavailable", "ask again", 503)
        return _answer(request)

    server.methods["Calls/Invoke"] = busy
    double.remote(1)
    assert len({r["input"]["callId"] for r in server.called("Calls/Invoke")}) == 1
    assert len(server.called("Calls/Invoke")) == 4


def test_a_socket_that_nobody_serves_is_named(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrow._client.transport.PATIENCE", 0.1)
    door.close()
    os.unlink(os.environ["BURROW_API_SOCKET"])
    with pytest.raises(ConnectionError, match="worker of this container"):
        double.remote(1)


def test_the_socket_outranks_what_the_environment_says_of_servers() -> None:
    environ = {"BURROW_API_SOCKET": "/s", "BURROW_URL": "http://h:1", "BURROW_TOKEN": "t"}
    config = load_config(environ)
    assert (config.socket, config.token) == ("/s", "")
    assert load_config({"BURROW_URL": "http://h:1", "BURROW_TOKEN": "t"}).socket == ""


def _serve(monkeypatch: pytest.MonkeyPatch, instance: Any, values: "Dict[str, Any]") -> None:
    monkeypatch.setattr(_class_parts, "served_instance", instance)
    monkeypatch.setattr(_class_parts, "served_values", values)


def test_the_instance_of_a_container_calls_its_like_with_its_parameters(
    server: FakeServer, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: List[Any] = []

    def bind(request: Dict[str, Any]) -> Dict[str, Any]:
        bound.append(request)
        return {"functionId": "fu-variant"}

    server.methods["Apps/Bind"] = bind
    instance = _class_parts.construct(getattr(Counter, "__wrapped__"), {"start": 5})
    _serve(monkeypatch, instance, {"start": 5})
    monkeypatch.setattr(_calling, "served", Counter)
    assert instance.ask(1) == "fu-variant was called"
    assert bound[0]["functionId"] == "fu-ap-own-Counter" and "5" in str(bound[0]["parameters"])
    assert server.called("Calls/Invoke")[0]["input"]["method"] == "add"
    assert instance.add(1) == 6 and instance.add.local(1) == 6


def test_a_class_that_came_by_value_is_called_by_the_name_of_its_function(
    server: FakeServer, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.methods["Apps/Bind"] = lambda request: {"functionId": request["functionId"] + "-bound"}
    instance = _class_parts.construct(getattr(Counter, "__wrapped__"), {"start": 5})
    _serve(monkeypatch, instance, {"start": 5})
    monkeypatch.setattr(_calling, "served", None)
    monkeypatch.setenv("BURROW_FUNCTION", "Counted")
    assert instance.ask(1) == "fu-ap-own-Counted-bound was called"


def test_an_instance_made_by_hand_has_no_like_elsewhere(door: Door) -> None:
    instance = _class_parts.construct(getattr(Counter, "__wrapped__"), {"start": 5})
    with pytest.raises(InvalidError, match="made by hand"):
        instance.ask(1)
