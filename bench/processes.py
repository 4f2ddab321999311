"""Processes of the benchmark's own: started, waited for by a line, asked by lines, stopped."""

from __future__ import annotations

import os
import queue
import socket
import subprocess
import threading
import time
from typing import IO, Mapping, Sequence

from measurement import BenchError

_START_SECONDS = 120.0
_STOP_SECONDS = 60.0


class Server:
    """One process that lives for a while; its stderr goes to `log`."""

    def __init__(
        self, command: Sequence[str], log: str, environment: "Mapping[str, str] | None" = None
    ) -> None:
        self._command, self._log = list(command), log
        with open(log, "ab") as stderr:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, **(environment or {})},
            )
        assert self._process.stdout is not None
        self._lines: "queue.Queue[str | None]" = queue.Queue()
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_for(self, prefix: str) -> str:
        """What follows `prefix` on the next line that begins so. Raises BenchError."""
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise BenchError("no %r in time from %s" % (prefix, self.described())) from None
            if line is None:
                raise BenchError("it ended without %r: %s" % (prefix, self.described()))
            if line.startswith(prefix):
                return line[len(prefix) :].strip()

    def ask(self, line: str) -> None:
        """A line on its stdin."""
        assert self._process.stdin is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()

    def stop(self) -> None:
        """Ends it by SIGTERM, or by SIGKILL where that does not help."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.terminate()
        try:
            self._process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def described(self) -> str:
        """Its command and the end of its log."""
        with open(self._log, "rb") as file:
            tail = file.read()[-2000:].decode("utf-8", "replace")
        return "%s:\n%s" % (" ".join(self._command), tail)

    def _read(self, stream: "IO[str]") -> None:
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(None)


def run(command: Sequence[str], timeout: float = 600.0, **options: object) -> str:
    """Runs it to its end and gives what it printed. Raises BenchError."""
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=timeout,
            **options,
        )
    except subprocess.TimeoutExpired:
        raise BenchError("%s took longer than %d s" % (" ".join(command), timeout)) from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout)[-2000:]
        raise BenchError("%s ended with %d: %s" % (" ".join(command), done.returncode, said))
    return str(done.stdout)


def wait_for_port(port: int) -> None:
    """Returns when somebody listens on it. Raises BenchError."""
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise BenchError("nobody listens on port %d" % port) from None
            time.sleep(0.02)


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def proportional_memory(pid: int) -> int:
    """Bytes of memory of a process, shared pages by their share."""
    with open("/proc/%d/smaps_rollup" % pid, encoding="ascii") as file:
        for line in file:
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    raise BenchError("the kernel does not tell the memory of process %d" % pid)
