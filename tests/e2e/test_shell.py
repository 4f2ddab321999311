"""`burrow shell` on a real terminal, in what a failed build left and upon an image."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
from pathlib import Path
from typing import Callable, Iterator, List, Set

import pytest

from daemon import BURROW, Daemon, wait_until
from leftovers import cgroups, network_links

DEADLINE_S = 120.0
DOCKERFILE = """FROM debian_slim
WORKDIR /made
ENV GREETING=hello
RUN echo 'left by the step' > file; exit 3
"""


class Terminal:
    """`burrow shell ...`, or another command, in a session of its own, as in a user's terminal."""

    def __init__(self, daemon: Daemon, *arguments: str, command: str = "shell") -> None:
        self.seen = b""
        self._code = -1
        environment = daemon.environment(TERM="xterm-256color")
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 31, 101, 0, 0))
            os.execve(BURROW, [BURROW, command, *arguments], environment)

    def type(self, text: str) -> None:
        os.write(self.master, text.encode())

    def await_text(self, text: str) -> None:
        while text.encode() not in self.seen:
            assert self._read(), "%r did not come, but:\n%s" % (text, self.seen.decode())

    def resize(self, rows: int, columns: int) -> None:
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def end(self) -> int:
        """Its exit code, once it has one."""
        while self.master >= 0 and self._read():
            pass
        self.close()
        return self._code

    def close(self) -> None:
        """Hangs up: a client that still runs leaves."""
        if self.master < 0:
            return
        os.close(self.master)
        self.master = -1
        self._code = os.WEXITSTATUS(os.waitpid(self.pid, 0)[1])

    def _read(self) -> bytes:
        ready = select.select([self.master], [], [], DEADLINE_S)[0]
        assert ready, "nothing came in time; before that:\n" + self.seen.decode()
        try:
            part = os.read(self.master, 65536)
        except OSError:  # everybody has closed the other end
            part = b""
        self.seen += part
        return part


def check_that_size_and_ctrl_c_arrive(terminal: Terminal) -> None:
    """In a shell that waits for a line."""
    terminal.resize(50, 60)
    terminal.type("until stty size | grep -q '50 60'; do :; done; echo re''sized\r")
    terminal.await_text("resized\r\n")
    # What says so is in the foreground already, as bash by itself would not be.
    terminal.type("sh -c 'echo be\"\"gun; exec sleep 1000'\r")
    terminal.await_text("begun\r\n")
    terminal.type("\x03")
    terminal.type("echo after''wards $?\r")
    terminal.await_text("afterwards 130\r\n")


Open = Callable[..., Terminal]


@pytest.fixture
def open_terminal() -> Iterator[Open]:
    opened: List[Terminal] = []

    def open_terminal(daemon: Daemon, *arguments: str, command: str = "shell") -> Terminal:
        opened.append(Terminal(daemon, *arguments, command=command))
        return opened[-1]

    yield open_terminal
    for terminal in opened:
        terminal.close()


class Traces:
    """What shells have on the machine while they run."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._links = network_links(state)

    def now(self) -> Set[str]:
        found = {str(path) for path in (self._state / "worker" / "containers").glob("sh-*")}
        found |= {path for path in cgroups(self._state) if Path(path).name.startswith("sh-")}
        return found | (network_links(self._state) - self._links)


@pytest.fixture
def traces(daemon: Daemon, state: Path) -> Traces:
    return Traces(state)


@pytest.fixture
def failed_build(daemon: Daemon, tmp_path: Path) -> str:
    """The id of a build whose step failed."""
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(DOCKERFILE)
    built = daemon.burrow("build", str(context), deadline_s=400)
    assert built.returncode == 1, built.stderr
    advised = re.search(r"burrow shell --step (bd-\w+)", built.stderr)
    assert advised, built.stderr
    return advised.group(1)


def test_a_shell_enters_what_the_failed_step_left(
    daemon: Daemon, failed_build: str, traces: Traces, open_terminal: Open
) -> None:
    terminal = open_terminal(daemon, "--step", failed_build)
    terminal.type("cat file; echo $GREETING $TERM; pwd\r")
    terminal.await_text("left by the step\r\n")
    terminal.await_text("hello xterm-256color\r\n")
    terminal.await_text("\n/made\r\n")
    terminal.type("tty; stty size\r")
    terminal.await_text("31 101\r\n")
    check_that_size_and_ctrl_c_arrive(terminal)
    assert traces.now() != set()
    terminal.type("exit 7\r")
    assert terminal.end() == 7
    assert traces.now() == set()


def test_a_shell_ends_with_its_client(
    daemon: Daemon, failed_build: str, traces: Traces, open_terminal: Open
) -> None:
    terminal = open_terminal(daemon, "--step", failed_build)
    terminal.type("echo he''re; sleep 1000\r")
    terminal.await_text("here\r\n")
    os.kill(terminal.pid, signal.SIGKILL)
    wait_until(lambda: traces.now() == set(), "nothing of the shell is left")


def run_shell(
    daemon: Daemon, *arguments: str, text: bytes = b""
) -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run(
        [BURROW, "shell", *arguments],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=daemon.environment(),
        timeout=DEADLINE_S,
    )


def test_pipes_are_carried_whole_in_both_directions(
    daemon: Daemon, failed_build: str, traces: Traces
) -> None:
    text = bytes(range(256)) * 8192
    command = ["sh", "-c", "cat; echo problem >&2; exit 5"]
    done = run_shell(daemon, "--step", failed_build, "--", *command, text=text)
    assert (done.returncode, done.stderr) == (5, b"problem\n")
    assert done.stdout == text
    assert traces.now() == set()


FUNCTION = """
    import os, helper_of_shells
    @app.function(env={"GREETING": "hello"}, secrets=[burrow.Secret.from_dict({"HIDDEN": "word"})], memory=256)
    def greet(name):
        return helper_of_shells.greeting(name)
    @app.function()
    def other(): return 1
"""
LOOK = "import os, entered_app; print(os.environ['HIDDEN'], entered_app.greet.local('you'))"


@pytest.fixture
def app_file(write_app: Callable[..., str], tmp_path: Path) -> str:
    (tmp_path / "helper_of_shells.py").write_text(
        "import os\ndef greeting(name): return os.environ['GREETING'] + ' ' + name\n"
    )
    return write_app(FUNCTION, name="entered_app")


def test_a_shell_is_as_a_function_of_a_file_would_be(
    daemon: Daemon, app_file: str, open_terminal: Open
) -> None:
    ran = run_shell(daemon, app_file + "::greet", "--", "python3", "-c", LOOK)
    assert (ran.stdout, ran.returncode) == (b"word hello you\n", 0), ran.stderr
    terminal = open_terminal(daemon, app_file + "::greet")
    terminal.type("echo $GREETING-$TERM; exit 4\r")
    terminal.await_text("hello-xterm-256color")
    assert terminal.end() == 4
    assert b"entered_app" not in daemon.burrow("ps").stdout.encode()
    several = run_shell(daemon, app_file)
    assert several.returncode == 1
    assert b"greet, other" in several.stderr


def test_a_shell_is_as_a_deployed_function(daemon: Daemon, app_file: str) -> None:
    deployed = daemon.burrow("deploy", app_file)
    assert deployed.returncode == 0, deployed.stderr
    ran = run_shell(daemon, "entered_app::greet", "--", "python3", "-c", LOOK)
    assert (ran.stdout, ran.returncode) == (b"word hello you\n", 0), ran.stderr
    limit = run_shell(
        daemon, "entered_app::greet", "--", "python3", "-c", "bytearray(400 << 20)[::4096]"
    )
    assert limit.returncode == 137 and b"memory" in limit.stderr
    assert daemon.burrow("app", "stop", "entered_app").returncode == 0
    gone = run_shell(daemon, "entered_app::greet", "--", "true")
    assert gone.returncode == 1
    assert b"entered_app" in gone.stderr


def test_exec_has_a_terminal_in_a_container_that_runs(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, open_terminal: Open
) -> None:
    code = """
    import os, time
    @app.function(env={"GREETING": "hello"})
    def linger():
        open("/tmp/made", "w").write("by the call")
        print(os.environ["BURROW_CONTAINER_ID"])
        time.sleep(100)
    """
    path = write_app(code, name="entered_by_exec", main="linger.remote()")
    running = daemon.popen("run", path, cwd=tmp_path)
    assert running.stdout is not None
    container = running.stdout.readline().strip()
    terminal = open_terminal(daemon, container, "--", "bash", "--norc", command="exec")
    terminal.type("cat /tmp/made; echo; echo $GREETING-$TERM; stty size\r")
    for shown in ("by the call\r\n", "hello-xterm-256color\r\n", "31 101\r\n"):
        terminal.await_text(shown)
    check_that_size_and_ctrl_c_arrive(terminal)
    terminal.type("exit 7\r")
    assert terminal.end() == 7
    assert running.poll() is None
    assert daemon.burrow("app", "stop", "entered_by_exec").returncode == 0
    running.communicate(timeout=30)


def test_what_cannot_be_entered_is_an_error(daemon: Daemon, failed_build: str) -> None:
    unknown = run_shell(daemon, "nowhere")
    assert unknown.returncode == 1
    assert b"there is no image 'nowhere'" in unknown.stderr
    build = run_shell(daemon, "--step", "bd-" + "0" * 26)
    assert build.returncode == 1
    assert b"nothing is kept of a failed step" in build.stderr


def test_a_program_that_cannot_be_run_has_the_exit_code_of_shells(
    daemon: Daemon, failed_build: str, open_terminal: Open
) -> None:
    missing = run_shell(daemon, "--step", failed_build, "--", "no-such-program", "x")
    assert missing.returncode == 127
    assert missing.stderr == b"burrow shell: no-such-program: command not found\n"
    denied = run_shell(daemon, "--step", failed_build, "--", "/etc/passwd")
    assert denied.returncode == 126
    assert denied.stderr == b"burrow shell: /etc/passwd: permission denied\n"
    terminal = open_terminal(daemon, "--step", failed_build, "--", "./nothing")
    assert terminal.end() == 127
    assert terminal.seen == b"burrow shell: ./nothing: no such file or directory\r\n"


def test_a_shell_ends_with_its_server(
    own_daemon: Daemon, tmp_path: Path, open_terminal: Open
) -> None:
    own_daemon.start()
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM debian_slim\n")
    built = own_daemon.burrow("build", str(context), "-t", "for-a-shell", deadline_s=400)
    assert built.returncode == 0, built.stderr
    terminal = open_terminal(own_daemon, "for-a-shell")
    terminal.type("echo he''re\r")
    terminal.await_text("here\r\n")
    assert own_daemon.stop() == 0
    assert terminal.end() == 1
    assert b"Error: " in terminal.seen
