"""Lets the RUN steps of a build speak to an ssh agent of this machine, to list keys and to sign."""

from __future__ import annotations

import base64
import binascii
import queue
import socket
import struct
import threading

from burrow.exception import Error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.transport import Transport

_MAX_CONNECTIONS = 64
# Of one message, as OpenSSH's own bound.
_MAX_MESSAGE = 256 * 1024
# A person may have to confirm the use of a key.
_TIMEOUT = 120.0
# Between two messages of a process in the build.
_IDLE = 3600.0
_FAILURE = b"\0\0\0\1\5"
# Listing keys and signing: a build may not change the agent.
_ALLOWED = (11, 13)


class AgentRelay:
    """Answers the AgentRequests of one build, each connection in a thread of its own.

    Args:
        sockets: path of the agent's socket by the id that the Dockerfile names.
    """

    def __init__(self, transport: "Transport", sockets: "dict[str, str]") -> None:
        self._transport = transport
        self._sockets = sockets
        self._open: "dict[tuple[str, str], queue.Queue[bytes]]" = {}
        self._lock = threading.Lock()

    def take(self, request: "dict[str, Any]") -> None:
        """Handles an AgentRequest message; an empty one ends its connection. Does not block."""
        build, connection = str(request.get("buildId", "")), str(request.get("connection", ""))
        try:
            message = base64.b64decode(str(request.get("message", "")), validate=True)
        except binascii.Error:
            message = b""
        key = (build, connection)
        with self._lock:
            waiting = self._open.get(key)
            if waiting is None:
                if not message:
                    return
                waiting = self._open[key] = queue.Queue()
                path = self._sockets.get(str(request.get("agent", "")), "")
                if len(self._open) > _MAX_CONNECTIONS:
                    path = ""
                threading.Thread(
                    target=self._serve, args=(key, path, waiting), name="burrow-agent", daemon=True
                ).start()
            waiting.put(message)

    def close(self) -> None:
        """Ends every connection."""
        with self._lock:
            for waiting in self._open.values():
                waiting.put(b"")

    def _serve(self, key: "tuple[str, str]", path: str, waiting: "queue.Queue[bytes]") -> None:
        try:
            with socket.socket(socket.AF_UNIX) as agent:
                agent.settimeout(_TIMEOUT)
                if path:
                    agent.connect(path)
                while path:
                    message = waiting.get(timeout=_IDLE)
                    if not message:
                        return
                    self._answer(key, _ask(agent, message))
            self._answer(key, b"")
        except (OSError, ValueError, queue.Empty):
            self._answer(key, b"")
        finally:
            with self._lock:
                self._open.pop(key, None)

    def _answer(self, key: "tuple[str, str]", message: bytes) -> None:
        text = base64.b64encode(message).decode("ascii")
        answer = {"buildId": key[0], "connection": key[1], "message": text}
        try:
            self._transport.unary("Images/AnswerAgent", answer)
        except Error:
            pass  # the build has ended, or says itself what is wrong


def _ask(agent: socket.socket, message: bytes) -> bytes:
    """The agent's answer with its length. Raises OSError or ValueError where there is none."""
    if len(message) < 5 or struct.unpack(">I", message[:4])[0] != len(message) - 4:
        raise ValueError("no message of the agent's protocol")
    if message[4] not in _ALLOWED:
        return _FAILURE
    agent.sendall(message)
    head = _receive(agent, 4)
    size = struct.unpack(">I", head)[0]
    if size > _MAX_MESSAGE:
        raise ValueError("the agent's answer is too long")
    return head + _receive(agent, size)


def _receive(agent: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = agent.recv(size - len(data))
        if not part:
            raise OSError("the agent closed the connection")
        data += part
    return data
