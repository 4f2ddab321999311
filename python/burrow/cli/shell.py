"""`burrow shell` and `burrow exec`: a command in a container, on the user's own terminal."""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import threading
import tty
from contextlib import contextmanager

from burrow._client.config import load_config
from burrow._client.shell_stream import ShellStream
from burrow._client.transport import Transport

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any, Iterator

_READ_SIZE = 32 * 1024
_JOIN_TIMEOUT = 2.0
_MAX_SIDE = 65535


def open_shell(options: "Namespace") -> int:
    """Returns the exit code of the command."""
    if bool(options.image) == bool(options.step):
        print("burrow shell: error: name an image, or a build with --step", file=sys.stderr)
        return 2
    options.container = None
    options.function = ""
    if options.image and ("::" in options.image or options.image.endswith(".py")):
        return _open_as_function(options)
    return _run(options)


def _open_as_function(options: "Namespace") -> int:
    """In a container as a function has it; of a file, its app runs meanwhile."""
    place, _, name = options.image.partition("::")
    if not place.endswith(".py"):
        from burrow._client.deployments import find_function_id

        options.function = find_function_id(place, name.partition(".")[0])
        return _run(options)
    from burrow._client.session import run_app
    from burrow.cli.load_app import find_function, import_file
    from burrow.cli.plain_report import PlainReport

    function = find_function(import_file(place), name, place)
    with run_app(function.app, PlainReport()) as session:
        options.function = session.function_ids[function.name]
        return _run(options)


def _run(options: "Namespace") -> int:
    terminal = os.isatty(0) and os.isatty(1)
    shell = ShellStream(Transport(load_config()), _request(options, terminal))
    with _raw_terminal(terminal):
        with _Typing(shell, terminal):
            for number, data in shell.output():
                _write(number, data)
    if shell.out_of_memory:
        print("burrow shell: the command was killed: it needed too much memory", file=sys.stderr)
    return shell.exit_code


def exec_command(options: "Namespace") -> int:
    """`burrow exec`: a command in a container that runs; returns its exit code."""
    if not options.command:
        print("burrow exec: error: write the command behind --", file=sys.stderr)
        return 2
    options.image = options.step = options.function = None
    return _run(options)


def _request(options: "Namespace", terminal: bool) -> "dict[str, Any]":
    request: "dict[str, Any]" = {"args": options.command}
    if options.container:
        request["container"] = options.container
    elif options.function:
        request["function"] = options.function
    elif options.step:
        request["build"] = options.step
    else:
        request["image"] = options.image
    if terminal:
        rows, columns = _size()
        request["terminal"] = {"rows": rows, "columns": columns}
        request["term"] = os.environ.get("TERM", "xterm")
    return request


def _size() -> "tuple[int, int]":
    size = os.get_terminal_size(1)
    return min(size.lines, _MAX_SIDE), min(size.columns, _MAX_SIDE)


def _write(number: int, data: bytes) -> None:
    while data:
        data = data[os.write(number, data) :]


@contextmanager
def _raw_terminal(terminal: bool) -> "Iterator[None]":
    """Every key goes to the command, also Ctrl-C; restored whatever ends the block."""
    if not terminal:
        yield
        return
    before = termios.tcgetattr(0)
    handlers = {}
    try:
        for number in (signal.SIGTERM, signal.SIGHUP):
            handlers[number] = signal.signal(number, _leave)
        tty.setraw(0, termios.TCSADRAIN)  # what was typed ahead counts
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _leave(number: int, frame: object) -> None:
    raise SystemExit(128 + number)


class _Typing:
    """A thread that sends what comes in on standard input, and the terminal's new sizes, in order."""

    def __init__(self, shell: ShellStream, terminal: bool) -> None:
        self._shell = shell
        self._terminal = terminal
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._leaving = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        if self._terminal:
            self._before = signal.signal(signal.SIGWINCH, lambda number, frame: self._wake())
        self._thread.start()

    def __exit__(self, *unused: object) -> None:
        self._leaving = True
        self._wake()
        if self._terminal:
            signal.signal(signal.SIGWINCH, self._before)
        # It may wait for an answer; what it holds goes with the process.
        self._thread.join(_JOIN_TIMEOUT)

    def _wake(self) -> None:
        try:
            os.write(self._wake_write, b"x")
        except BlockingIOError:
            pass  # it is awake

    def _run(self) -> None:
        if not self._shell.wait_until_open():
            return
        waited = [0, self._wake_read]
        while not self._leaving:
            ready, _, _ = select.select(waited, [], [])
            if self._wake_read in ready:
                os.read(self._wake_read, _READ_SIZE)
                if self._terminal and not self._leaving:
                    self._shell.resize(*_size())
            if 0 in ready and not self._leaving:
                data = self._read()
                if not data:
                    waited.remove(0)
                if not self._shell.send(data, end=not data):
                    return

    def _read(self) -> bytes:
        try:
            return os.read(0, _READ_SIZE)
        except OSError:  # the terminal has gone
            return b""
