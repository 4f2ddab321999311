"""A burrowd of the benchmark's own: fresh port, own state directory, gone afterwards."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from typing import IO

from measurement import BenchError

READY = "burrowd ready "
_START_SECONDS = 60.0
_STOP_SECONDS = 60.0
_LOG_TAIL = 4000


def find_burrowd() -> str:
    """$BURROWD, or the checkout's own build. Raises BenchError."""
    checkout = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    path = os.environ.get("BURROWD") or os.path.join(checkout, "build", "bin", "burrowd")
    if not os.access(path, os.X_OK):
        raise BenchError("There is no burrowd at %s: run './dev build', or set BURROWD." % path)
    return path


class Daemon:
    """`burrowd up` for the length of a `with` block; BURROW_CONFIG names its client config.

    Args:
        burrowd: the binary.
        state_dir: kept afterwards, so that a second run finds its images; a fresh directory that
            is removed at the end when None.
    """

    def __init__(self, burrowd: str, state_dir: "str | None" = None) -> None:
        self._burrowd = burrowd
        self._work = tempfile.mkdtemp(prefix="burrow-bench-")
        self._state = state_dir or os.path.join(self._work, "state")
        self._log = os.path.join(self._work, "burrowd.log")
        self._process: "subprocess.Popen[str] | None" = None
        self.config = os.path.join(self._work, "client.json")
        self.url = ""

    def __enter__(self) -> "Daemon":
        try:
            self._start()
        except BaseException:
            self._end()
            raise
        os.environ["BURROW_CONFIG"] = self.config
        os.environ.pop("BURROW_URL", None)
        os.environ.pop("BURROW_TOKEN", None)
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _start(self) -> None:
        command = [self._burrowd, "up", "--state-dir", self._state, "--config", self.config]
        command += ["--listen", "127.0.0.1:0"]
        with open(self._log, "wb") as log:
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self._process.stdout is not None
        self.url = self._wait_ready(_lines_of(self._process.stdout))

    def _wait_ready(self, lines: "queue.Queue[str | None]") -> str:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise BenchError("burrowd was not ready in time:\n" + self.log_tail()) from None
            if line is None:
                raise BenchError("burrowd ended while it started:\n" + self.log_tail())
            if line.startswith(READY):
                return line[len(READY) :].strip()

    def resident_mib(self, part: str) -> float:
        """Memory of one of its processes, by the word that follows `burrowd` in its command line."""
        assert self._process is not None
        for name in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/stat" % name, encoding="utf-8", errors="replace") as file:
                    parent = int(file.read().rpartition(")")[2].split()[1])
                with open("/proc/%s/cmdline" % name, "rb") as file:
                    words = file.read().split(b"\0")
                with open("/proc/%s/statm" % name, encoding="utf-8") as file:
                    pages = int(file.read().split()[1])
            except OSError:
                continue
            if parent == self._process.pid and words[1:2] == [part.encode()]:
                return pages * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
        raise BenchError("burrowd has no process %r" % part)

    def log_tail(self) -> str:
        """The last lines of burrowd's log."""
        try:
            with open(self._log, "rb") as file:
                return file.read()[-_LOG_TAIL:].decode("utf-8", "replace")
        except OSError:
            return ""

    def _end(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
                raise BenchError("burrowd did not stop when asked:\n" + self.log_tail()) from None
        left = mounts_below(self._work)
        if left:
            raise BenchError("burrowd left mounts behind: " + ", ".join(left))
        shutil.rmtree(self._work, ignore_errors=True)


def mounts_below(directory: str) -> "list[str]":
    """Mount points under a directory, which must not be deleted through."""
    with open("/proc/self/mounts", encoding="utf-8") as file:
        points = [line.split(" ")[1] for line in file]
    return [point for point in points if point.startswith(directory.rstrip("/") + "/")]


def _lines_of(stream: "IO[str]") -> "queue.Queue[str | None]":
    """Lines as they come, then None. Goes on reading, so that the writer never blocks."""
    lines: "queue.Queue[str | None]" = queue.Queue()

    def read() -> None:
        with stream:
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    return lines
