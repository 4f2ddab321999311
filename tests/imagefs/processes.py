"""The processes of the suite: a control, `burrowd mount`, and readers that are watched while they read."""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional

ROOT = Path(__file__).resolve().parents[2]
BURROWD = os.environ.get("BURROWD", str(ROOT / "build" / "bin" / "burrowd"))
START_S = 60.0
STOP_S = 30.0


def first_line(process: "subprocess.Popen[bytes]", prefix: str, log: Path) -> str:
    """What follows `prefix` on the line that begins with it; fails where it does not come."""
    assert process.stdout is not None
    end = time.monotonic() + START_S
    text = b""
    while True:
        left = end - time.monotonic()
        assert left > 0, "no %r in time; log:\n%s" % (prefix, tail(log))
        if not select.select([process.stdout], [], [], left)[0]:
            continue
        chunk = os.read(process.stdout.fileno(), 4096)
        assert chunk, "ended without %r; log:\n%s" % (prefix, tail(log))
        text += chunk
        for line in text.decode().splitlines(keepends=True):
            if line.startswith(prefix) and line.endswith("\n"):
                return line[len(prefix) :].strip()


def wait_until(reached: "Callable[[], bool]", what: str, within_s: float = START_S) -> None:
    """Asks again and again; fails where it does not come."""
    end = time.monotonic() + within_s
    while not reached():
        assert time.monotonic() < end, "in vain: " + what
        time.sleep(0.01)


def tail(log: Path) -> str:
    return log.read_text(errors="replace")[-4000:] if log.exists() else ""


def stop(process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Ends it by SIGTERM; fails where that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_S)
            raise AssertionError("it did not end on SIGTERM; log:\n" + tail(log)) from None
    if process.stdout:
        process.stdout.close()


class Control:
    """`burrowd control`: the store of blobs."""

    def __init__(self, directory: Path, *options: str, **environment: str) -> None:
        self._options, self._environment = options, environment
        self.state = directory / "control-state"
        self.log = directory / "control.log"
        self.faults = directory / "faults"
        self.url = ""
        self._process: Optional["subprocess.Popen[bytes]"] = None

    def start(self) -> None:
        command = [BURROWD, "control", "--state-dir", str(self.state)]
        command += ["--listen", self.url[len("http://") :] or "127.0.0.1:0", *self._options]
        with open(self.log, "ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={
                    **os.environ,
                    "BURROW_FAULTS_FILE": str(self.faults),
                    **self._environment,
                },
            )
        self.url = first_line(self._process, "burrowd control ready ", self.log)

    def stop(self) -> None:
        if self._process is not None:
            stop(self._process, self.log)
            self._process = None

    def set_fault(self, text: str) -> None:
        """What its blob server does from now on: "delay:30", "status:500", or "" for nothing."""
        fresh = self.faults.with_suffix(".new")
        fresh.write_text("api.blobs=%s\n" % text if text else "")
        fresh.rename(self.faults)

    def burrow(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Runs the command to its end, whatever that is."""
        return subprocess.run(
            [str(ROOT / "bin" / "burrow"), *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env={**os.environ, "BURROW_URL": self.url, "BURROW_TOKEN": self.client_token},
            timeout=300,
            check=False,
        )

    @property
    def _tokens(self) -> "Dict[str, str]":
        tokens: "Dict[str, str]" = json.loads((self.state / "control" / "tokens").read_text())
        return tokens

    @property
    def worker_token(self) -> str:
        return self._tokens["worker"]

    @property
    def client_token(self) -> str:
        return self._tokens["client"]


class Mounted:
    """`burrowd mount` of one image."""

    def __init__(
        self,
        directory: Path,
        url: str,
        token: str,
        index: str,
        tier: str,
        deadline_ms: int = 30_000,
        prefix: Iterable[str] = (),
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.state = directory / "state"
        self.root = directory / "root"
        self.log = directory / "mount.log"
        self._token_file = directory / "token"
        self._token_file.write_text(token)
        self.root.mkdir(exist_ok=True)
        self.command = [*prefix, BURROWD, "mount", "--control", url]
        self.command += ["--token-file", str(self._token_file), "--image-fs", tier]
        self.command += ["--state-dir", str(self.state), "--fetch-deadline", str(deadline_ms)]
        self.command += [index, str(self.root)]
        self.process: Optional["subprocess.Popen[bytes]"] = None

    def start(self) -> None:
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
            )
        first_line(self.process, "mounted ", self.log)

    def stop(self) -> None:
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            stop(self.process, self.log)

    def clean(self) -> None:
        """Removes what a killed one left mounted."""
        for point in sorted(mounts_below(self.root.parent), reverse=True):
            subprocess.run(["umount", "--lazy", point], check=False, timeout=30)

    def counters(self) -> "Dict[str, int]":
        """What its cache and its imagefs have counted."""
        assert self.process is not None and self.process.stdin is not None
        self.process.stdin.write(b"counters\n")
        self.process.stdin.flush()
        counted: "Dict[str, int]" = json.loads("{" + first_line(self.process, "{", self.log))
        return counted

    @property
    def upper(self) -> Path:
        return self.state / "upper"

    @property
    def cache(self) -> Path:
        return self.state / "cache"

    def server_pid(self) -> int:
        """The process that answers the kernel."""
        pid = self.counters()["imagefs_pid"]
        assert pid > 0, "there is no imagefs; log:\n" + tail(self.log)
        return pid


def mounts_below(directory: Path) -> "List[str]":
    """Mount points below the directory."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [point for point in points if point.startswith(str(directory) + "/")]


_READER = r"""
import errno, hashlib, os, sys, time
for name in sys.argv[1:]:
    began = time.monotonic()
    try:
        with open(name, "rb") as file:
            digest = hashlib.sha256()
            while block := file.read(1 << 20):
                digest.update(block)
        outcome = digest.hexdigest()
    except OSError as error:
        outcome = errno.errorcode[error.errno]
    print(outcome, time.monotonic() - began, flush=True)
"""


class Reader:
    """A process that reads files one after another. What it saw: SHA-256 or the error's name."""

    def __init__(self, *paths: Path, prefix: Iterable[str] = ()) -> None:
        self._paths = paths
        self._process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _READER, *map(str, paths)],
            stdout=subprocess.PIPE,
            universal_newlines=True,
        )

    def outcomes(self, within_s: float) -> "List[str]":
        """Of each file, once all are read. A reader that hangs fails the test and is named."""
        try:
            out, _ = self._process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            where = self.state()
            self._process.kill()
            self._process.communicate(timeout=within_s)
            raise AssertionError("a reader hangs: " + where) from None
        lines = [line.split() for line in out.splitlines()]
        assert len(lines) == len(self._paths), out
        self.seconds = [float(line[1]) for line in lines]
        return [line[0] for line in lines]

    def state(self) -> str:
        """One letter of /proc, and where in the kernel it waits."""
        directory = Path("/proc/%d" % self._process.pid)
        try:
            letter = (directory / "stat").read_text().rpartition(")")[2].split()[0]
            return "%s %s" % (letter, (directory / "stack").read_text())
        except OSError:
            return "gone"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
