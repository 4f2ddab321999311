from __future__ import annotations

import base64
import queue
import socket
import struct
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import pytest
from fake_server import FakeServer
from small_burrowd import SmallBurrowd
from test_command_line import burrow

from burrow._client.agent_relay import AgentRelay
from burrow._client.transport import Transport

LIST, SIGN, ADD = 11, 13, 17


def message(kind: int, body: bytes = b"") -> bytes:
    return struct.pack(">IB", len(body) + 1, kind) + body


class Agent:
    """Answers each message by its own bytes reversed, with a kind of its own."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.connections = 0
        self.received: List[bytes] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen(8)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer:
            while True:
                head = peer.recv(4, socket.MSG_WAITALL)
                if len(head) < 4:
                    return
                body = peer.recv(struct.unpack(">I", head)[0], socket.MSG_WAITALL)
                self.received.append(body)
                if body[1:] == b"go":
                    return
                peer.sendall(message(99, body[:0:-1]))

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Agent]:
    made = Agent(tmp_path / "agent")
    yield made
    made.close()


@pytest.fixture
def answers(server: FakeServer) -> "queue.Queue[Tuple[str, bytes]]":
    found: "queue.Queue[Tuple[str, bytes]]" = queue.Queue()

    def answer(request: Dict[str, Any]) -> Dict[str, Any]:
        assert request["buildId"] == "bd-1"
        found.put((request["connection"], base64.b64decode(request["message"])))
        return {}

    server.methods["Images/AnswerAgent"] = answer
    return found


def request(connection: str, data: bytes, name: str = "default") -> Dict[str, Any]:
    text = base64.b64encode(data).decode()
    return {"buildId": "bd-1", "connection": connection, "agent": name, "message": text}


def test_each_connection_of_a_build_is_one_to_the_agent(
    transport: Transport, agent: Agent, answers: "queue.Queue[Tuple[str, bytes]]"
) -> None:
    relay = AgentRelay(transport, {"default": agent.path})
    for connection, body in (("1", b"ab"), ("1", b"cd"), ("2", b"ef")):
        relay.take(request(connection, message(SIGN, body)))
        assert answers.get(timeout=30) == (connection, message(99, body[::-1]))
    assert agent.connections == 2
    relay.close()


def test_a_build_may_not_change_the_agent(
    transport: Transport, agent: Agent, answers: "queue.Queue[Tuple[str, bytes]]"
) -> None:
    relay = AgentRelay(transport, {"default": agent.path})
    relay.take(request("1", message(ADD, b"key")))
    assert answers.get(timeout=30) == ("1", message(5))
    relay.take(request("1", message(LIST)))
    assert answers.get(timeout=30) == ("1", message(99))
    assert agent.received == [bytes([LIST])]
    relay.close()


@pytest.mark.parametrize("data", [message(SIGN, b"go"), b"\0\0\0\x09\x0bshort", b"x"])
def test_an_agent_that_leaves_and_a_message_that_is_none_end_the_connection(
    transport: Transport, agent: Agent, answers: "queue.Queue[Tuple[str, bytes]]", data: bytes
) -> None:
    relay = AgentRelay(transport, {"default": agent.path})
    relay.take(request("1", data))
    assert answers.get(timeout=30) == ("1", b"")


def test_an_agent_that_is_not_there_is_said_to_have_gone(
    transport: Transport, tmp_path: Path, answers: "queue.Queue[Tuple[str, bytes]]"
) -> None:
    relay = AgentRelay(transport, {"default": str(tmp_path / "none")})
    relay.take(request("1", message(LIST)))
    assert answers.get(timeout=30) == ("1", b"")
    relay.take(request("2", message(LIST), name="unknown"))
    assert answers.get(timeout=30) == ("2", b"")


def test_a_build_goes_on_while_the_agent_answers(
    burrowd: SmallBurrowd, agent: Agent, tmp_path: Path
) -> None:
    answered = threading.Event()
    got: List[bytes] = []

    def answer(request: Dict[str, Any]) -> Dict[str, Any]:
        got.append(base64.b64decode(request["message"]))
        answered.set()
        return {}

    def build(given: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"buildId": "bd-1"}
        yield {"agent": request("1", message(LIST))}
        yield {"output": {"line": "goes on"}}
        assert answered.wait(30)
        yield {"image": {"imageId": "im-1"}}

    burrowd.methods.update({"Images/Build": build, "Images/AnswerAgent": answer})
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    done = burrow("build", str(tmp_path / "Dockerfile"), "--ssh", "default=" + agent.path)
    assert (done.returncode, done.stdout) == (0, "im-1\n"), done.stderr
    assert got == [message(99)]
    assert burrowd.called("Images/Build")[0]["agents"] == ["default"]
