"""`burrow shell` against a scripted server, on a terminal and without one."""

from __future__ import annotations

import base64
import fcntl
import os
import pty
import queue
import re
import signal
import struct
import subprocess
import sys
import termios
from typing import Any, Dict, Iterator, List, Optional, Tuple

import pytest
from fake_server import ConnectFailure
from small_burrowd import SmallBurrowd
from test_command_line import LAUNCHER

from burrow._client.config import Config
from burrow._client.shell_stream import ShellStream
from burrow._client.transport import Transport

DEADLINE_S = 30.0


class ScriptedShell:
    """A shell on the server whose output is what the test says."""

    def __init__(self, burrowd: SmallBurrowd) -> None:
        self.events: "queue.Queue[Optional[Dict[str, Any]]]" = queue.Queue()
        self.inputs: "queue.Queue[Dict[str, Any]]" = queue.Queue()
        self.request: Dict[str, Any] = {}
        self.received = 0
        self.room = 1 << 30  # bytes that are taken of one request
        burrowd.methods["Shells/Open"] = self.open
        burrowd.methods["Shells/Input"] = self.input

    def open(self, request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        self.request = request
        return self.stream()

    def stream(self) -> Iterator[Dict[str, Any]]:
        yield {"shellId": "sh-1"}
        while True:
            event = self.events.get(timeout=DEADLINE_S)
            if event is None:
                return
            yield event

    def input(self, request: Dict[str, Any]) -> Dict[str, Any]:
        if "offset" in request:
            assert int(request["offset"]) == self.received
            data = base64.b64decode(request["data"])[: self.room]
            self.received += len(data)
            request["data"] = data
        self.inputs.put(request)
        return {"received": str(self.received)}

    def say(self, text: str, field: str = "output") -> None:
        self.events.put({field: base64.b64encode(text.encode()).decode()})

    def end(self, code: int, **more: Any) -> None:
        self.events.put({"exit": dict({"code": code}, **more)})
        self.events.put(None)

    def typed(self, size: int) -> bytes:
        """The next bytes of input, at least so many."""
        data = b""
        while len(data) < size:
            data += self.inputs.get(timeout=DEADLINE_S).get("data", b"")
        return data


@pytest.fixture
def shell(burrowd: SmallBurrowd) -> ScriptedShell:
    return ScriptedShell(burrowd)


class OnTerminal:
    """`burrow shell` in a session of its own on a terminal of 30 rows and 100 columns."""

    def __init__(self, *arguments: str) -> None:
        self.seen = b""
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.environ.update(BURROW_PYTHON=sys.executable, TERM="xterm-256color")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
            # Whoever comes after it sees how it left the terminal.
            script = 'stty -g; "$@"; code=$?; stty -g; exit $code'
            os.execv("/bin/sh", ["sh", "-c", script, "sh", str(LAUNCHER), "shell", *arguments])

    def read_until(self, text: bytes) -> bytes:
        while text not in self.seen:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                part = b""
            assert part, "%r did not come, but %r" % (text, self.seen)
            self.seen += part
        return self.seen

    def type(self, data: bytes) -> None:
        os.write(self.master, data)

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self) -> Tuple[int, str]:
        """The exit code, and all that was seen."""
        while True:
            try:
                part = os.read(self.master, 65536)
            except OSError:
                break
            if not part:
                break
            self.seen += part
        os.close(self.master)
        _, status = os.waitpid(self.pid, 0)
        return os.WEXITSTATUS(status), self.seen.decode()


def settings(seen: str) -> List[str]:
    """The terminal's settings before and after, as stty writes them."""
    return re.findall(r"(?:[0-9a-f]+:){20,}[0-9a-f]+", seen)


def test_the_users_terminal_is_the_commands(shell: ScriptedShell) -> None:
    terminal = OnTerminal("tools", "--", "vi", "--help")
    shell.say("\x1b[31mred\x1b[0m$ ")
    terminal.read_until(b"\x1b[31mred\x1b[0m$ ")
    assert shell.request == {
        "image": "tools",
        "args": ["vi", "--help"],
        "terminal": {"rows": 30, "columns": 100},
        "term": "xterm-256color",
    }
    terminal.type(b"ls\r\x03\x04\x1a")
    assert shell.typed(6) == b"ls\r\x03\x04\x1a"
    terminal.resize(50, 60)
    size: Dict[str, Any] = {}
    while not size:
        size = shell.inputs.get(timeout=DEADLINE_S).get("size", {})
    assert size == {"rows": 50, "columns": 60}
    shell.end(7)
    code, seen = terminal.end()
    assert code == 7
    before, after = settings(seen)
    assert before == after


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_the_terminal_as_it_was(shell: ScriptedShell, number: int) -> None:
    terminal = OnTerminal("tools")
    shell.say("ready")
    terminal.read_until(b"ready")
    listing = subprocess.run(
        ["ps", "-o", "pid=", "--ppid", str(terminal.pid)], stdout=subprocess.PIPE, check=True
    )
    os.kill(int(listing.stdout.split()[0]), number)
    code, seen = terminal.end()
    assert code == 128 + number
    before, after = settings(seen)
    assert before == after
    shell.end(0)


def test_a_server_that_goes_is_told_of_and_leaves_the_terminal_as_it_was(
    shell: ScriptedShell,
) -> None:
    terminal = OnTerminal("tools")
    shell.say("ready")
    terminal.read_until(b"ready")
    shell.events.put({"broken": Broken()})
    code, seen = terminal.end()
    assert code == 1
    assert "has gone, and the shell with it" in seen
    before, after = settings(seen)
    assert before == after


class Broken:
    """No JSON: the server breaks off."""


def run(*arguments: str, text: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    env = dict(os.environ, BURROW_PYTHON=sys.executable)
    command = [str(LAUNCHER), "shell", *arguments]
    return subprocess.run(command, input=text, env=env, capture_output=True, timeout=60)


def test_pipes_are_carried_as_pipes(shell: ScriptedShell) -> None:
    shell.say("result\n")
    shell.say("problem\n", "errorOutput")
    shell.end(3)
    done = run("--step", "bd-1")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"result\n", b"problem\n")
    assert shell.request == {"build": "bd-1", "args": []}


def test_input_ends_where_the_pipe_does_and_nothing_is_lost(burrowd: SmallBurrowd) -> None:
    shell = ScriptedShell(burrowd)
    shell.room = 10_000
    text = bytes(range(256)) * 400
    seen: List[Dict[str, Any]] = []

    def take(request: Dict[str, Any]) -> Dict[str, Any]:
        answer = shell.input(request)
        seen.append(request)
        if request.get("end") and not request["data"]:
            shell.end(0)
        return answer

    burrowd.methods["Shells/Input"] = take
    assert run("tools", text=text).returncode == 0
    assert b"".join(request["data"] for request in seen) == text


def test_the_server_hears_what_was_written(shell: ScriptedShell) -> None:
    for _ in range(3):
        shell.say("x" * 50_000)
    shell.end(0)
    assert len(run("tools").stdout) == 150_000
    taken = [request.get("taken") for request in iter_queue(shell.inputs)]
    assert "100000" in taken


def iter_queue(items: "queue.Queue[Dict[str, Any]]") -> Iterator[Dict[str, Any]]:
    while not items.empty():
        yield items.get()


def test_a_kill_for_want_of_memory_is_told(shell: ScriptedShell) -> None:
    shell.end(137, outOfMemory=True)
    done = run("tools")
    assert done.returncode == 137
    assert b"needed too much memory" in done.stderr


def test_what_the_server_says_is_the_error(burrowd: SmallBurrowd) -> None:
    def refuse(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        raise ConnectFailure("not_found", "there is no image 'tools'")

    burrowd.methods["Shells/Open"] = refuse
    done = run("tools")
    assert done.returncode == 1
    assert done.stderr == b"Error: there is no image 'tools'\n"


@pytest.mark.parametrize("arguments", [(), ("tools", "--step", "bd-1")])
def test_one_thing_to_enter_must_be_named(burrowd: SmallBurrowd, arguments: Tuple[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert b"name an image, or a build with --step" in done.stderr


def test_a_server_that_is_not_there_is_told_of() -> None:
    stream = ShellStream(Transport(Config("http://127.0.0.1:1", "", "test")), {"image": "tools"})
    with pytest.raises(Exception, match="Cannot reach the Burrow server"):
        list(stream.output())


def test_what_a_shell_waits_for_is_said_beside_its_output(burrowd: SmallBurrowd) -> None:
    burrowd.methods["Shells/Open"] = lambda request: iter(
        [{"waitsFor": "room"}, {"shellId": "sh-1"}, {"exit": {"code": 3}}]
    )
    stream = ShellStream(Transport(Config(burrowd.url, "", "test")), {"image": "tools"})
    assert list(stream.output()) == [(2, b"burrow: waiting for room ...\r\n")]
    assert stream.exit_code == 3
