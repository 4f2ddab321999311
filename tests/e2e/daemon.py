"""A real burrowd and the `burrow` command beside it."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, Dict, List, Optional

ROOT = Path(__file__).resolve().parents[2]
BURROWD = os.environ.get("BURROWD", str(ROOT / "build" / "bin" / "burrowd"))
BURROW = str(ROOT / "bin" / "burrow")
READY_DEADLINE_S = 120.0
STOP_DEADLINE_S = 30.0
COMMAND_DEADLINE_S = 120.0

Completed = subprocess.CompletedProcess  # of text
Run = Callable[..., "subprocess.CompletedProcess[str]"]


def wait_until(
    condition: Callable[[], object], what: str, deadline_s: float = 30.0, pause_s: float = 0.05
) -> None:
    """Polls what no event announces."""
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, "waited %g s in vain until %s" % (deadline_s, what)
        time.sleep(pause_s)


class Daemon:
    """One `burrowd up` in a session of its own, over a state directory that may outlive it."""

    def __init__(self, directory: Path, state: Path) -> None:
        self.directory = directory
        self.state = state
        self.config = directory / "config.json"
        self.log = directory / "burrowd.log"
        self.options: List[str] = []  # of `burrowd up`, besides those of every test
        self.env: Dict[str, str] = {}  # of burrowd, beside what this process has
        self.url = ""
        self.process: Optional["subprocess.Popen[bytes]"] = None

    def command(self, listen: str = "127.0.0.1:0") -> List[str]:
        where = ["--state-dir", str(self.state), "--config", str(self.config)]
        where += ["--image-fs", os.environ.get("BURROW_IMAGE_FS", "auto")]
        if "--drain" not in self.options:
            where += ["--drain", "0"]  # a call that an earlier test left is not waited for
        return [BURROWD, "up", *where, "--listen", listen, *self.options]

    def start(self) -> None:
        """Starts burrowd and waits until it says that it is ready."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.env},
                start_new_session=True,
            )
        try:
            self.url = self._wait_for_address()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> int:
        """Ends burrowd as a supervisor does; returns its status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("burrowd did not end on SIGTERM; its log:\n" + self.tail())
        finally:
            self._close()

    def kill(self) -> None:
        """Kills burrowd and everything in its process group at once, as a power cut would."""
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait(STOP_DEADLINE_S)
        self._close()

    def kill_parent(self) -> None:
        """Kills `burrowd up` alone; its children stop by themselves, in their own time."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(STOP_DEADLINE_S)
        self._close()

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def environment(self, **more: str) -> Dict[str, str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("BURROW_")}
        kept["BURROW_CONFIG"] = str(self.config)
        kept["PYTHONPATH"] = str(ROOT / "python")
        return {**kept, **more}

    def burrow(
        self,
        *arguments: str,
        cwd: Optional[Path] = None,
        env: Optional[Dict[str, str]] = None,
        deadline_s: float = COMMAND_DEADLINE_S,
    ) -> "Completed[str]":
        """Runs `burrow ...` to its end."""
        return subprocess.run(
            [BURROW, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            cwd=cwd or self.directory,
            env=env or self.environment(),
            timeout=deadline_s,
        )

    def popen(self, *arguments: str, cwd: Path) -> "subprocess.Popen[str]":
        """Starts `burrow ...` and leaves it running."""
        return subprocess.Popen(
            [BURROW, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            cwd=cwd,
            env=self.environment(),
            start_new_session=True,
        )

    def tail(self) -> str:
        return self.log.read_text(errors="replace")[-4000:] if self.log.exists() else ""

    def _wait_for_address(self) -> str:
        assert self.process is not None and self.process.stdout is not None
        end = time.monotonic() + READY_DEADLINE_S
        text = b""
        while True:
            left = end - time.monotonic()
            assert left > 0, "burrowd was not ready in time; its log:\n" + self.tail()
            if not select.select([self.process.stdout], [], [], left)[0]:
                continue
            chunk = os.read(self.process.stdout.fileno(), 4096)
            assert chunk, "burrowd ended before it was ready; its log:\n" + self.tail()
            text += chunk
            ready = re.search(rb"^burrowd ready (http://127\.0\.0\.1:\d+)\n", text, re.MULTILINE)
            if ready:
                return ready.group(1).decode()

    def _close(self) -> None:
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
