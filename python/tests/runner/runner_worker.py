"""Drives the real runner over a socket pair, as a worker does."""

from __future__ import annotations

import json
import os
import pickle
import signal
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple


PACKAGE = Path(__file__).resolve().parents[2]
DEADLINE_S = 30.0
COMMAND = (
    "import sys; sys.path[:1] = [{source!r}, {package!r}]; "
    "from burrow._runner.main import main; main()"
)

Header = Dict[str, Any]


class Worker:
    """The worker's end of one runner process."""

    def __init__(self, source: Path, prefix: Tuple[str, ...] = ()) -> None:
        ours, theirs = socket.socketpair()
        self.socket = ours
        self.socket.settimeout(DEADLINE_S)
        self._buffer = bytearray()
        environment = dict(os.environ, PYTHONUNBUFFERED="1", BURROW_RUNNER_FD=str(theirs.fileno()))
        environment.pop("PYTHONPATH", None)
        python = os.environ.get("BURROW_TEST_PYTHON", sys.executable)
        command = COMMAND.format(source=str(source), package=str(PACKAGE))
        self.process = subprocess.Popen(
            [*prefix, python, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[theirs.fileno()],
            env=environment,
            cwd="/",
            bufsize=0,
        )
        theirs.close()
        self._output: Optional[Tuple[str, str]] = None

    def send(self, header: Header, body: bytes = b"") -> None:
        text = json.dumps(header).encode()
        self.socket.sendall(struct.pack("<II", len(text), len(body)) + text + body)

    def receive(self) -> Tuple[Header, bytes]:
        header_size, body_size = struct.unpack("<II", self._read(8))
        return json.loads(self._read(header_size)), self._read(body_size)

    def expect(self, kind: str) -> Tuple[Header, bytes]:
        header, body = self.receive()
        assert header["t"] == kind, header
        return header, body

    def start(self, qualname: str, body: bytes = b"", **more: Any) -> Header:
        """Says `start` and returns what came instead of, or as, `ready`."""
        header = {
            "t": "start",
            "module": "user_code",
            "qualname": qualname,
            "name": qualname,
            "is_generator": False,
            "serialized": bool(body),
            "app_id": "ap-1",
            "container_id": "co-1",
        }
        self.send({**header, **more}, body)
        self.expect("hello")
        return self.receive()[0]

    def call(self, *args: Any, id: str = "fc-1", attempt: int = 1, **kwargs: Any) -> None:
        self.send({"t": "call", "id": id, "attempt": attempt}, pickle.dumps((args, kwargs)))

    def cancel(self, id: str = "fc-1", reason: str = "cancelled") -> None:
        self.send({"t": "cancel", "id": id, "reason": reason})
        self.process.send_signal(signal.SIGUSR1)

    def value(self, *args: Any, **kwargs: Any) -> Any:
        """Calls and returns the value of a call that must succeed."""
        self.call(*args, **kwargs)
        return pickle.loads(self.expect("result")[1])

    def error(self, *args: Any, **kwargs: Any) -> Tuple[Header, bytes]:
        """Calls and returns the whole error frame of a call that must fail."""
        self.call(*args, **kwargs)
        return self.expect("error")

    def end(self) -> int:
        """Asks the runner to exit; returns its status."""
        self.send({"t": "exit"})
        return self.status()

    def status(self) -> int:
        self.output()
        return self.process.returncode

    def output(self) -> Tuple[str, str]:
        """Everything that was printed; waits for the process to end."""
        if self._output is None:
            out, err = self.process.communicate(timeout=DEADLINE_S)
            self._output = out.decode(), err.decode()
        return self._output

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().decode()

    def close(self) -> None:
        self.socket.close()
        if self.process.poll() is None:
            self.process.kill()
        self.output()

    def _read(self, size: int) -> bytes:
        while len(self._buffer) < size:
            chunk = self.socket.recv(1 << 20)
            if not chunk:
                raise EOFError("the runner hung up: " + self.output()[1])
            self._buffer += chunk
        taken = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:size]
        return taken


Launch = Callable[..., Worker]
