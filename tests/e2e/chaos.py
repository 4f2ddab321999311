"""Kills parts of a running burrowd: at named points, at any moment, or all of them at once."""

from __future__ import annotations

import os
import random
import signal
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, Optional

from daemon import Daemon, wait_until

# Where a process can be made to die, by what it is; see base/faults.h.
POINTS = {
    "control": [
        "control.submit.stored",
        "control.call.dispatched",
        "control.outcome.received",
        "control.outcome.stored",
        "store.commit.before",
        "store.commit.after",
    ],
    "worker": ["worker.container.launched", "worker.call.handed_over", "worker.outcome.unsent"],
}
# Three crashes of one input are taken for its own fault, so that no container may be killed thrice.
MAX_CONTAINER_KILLS = 2
# `burrowd up` gives up on a part that ends more often than five times in a minute.
MAX_KILLS = 4


class Chaos:
    """Decides by a seed what dies next; `done` tells what did."""

    def __init__(self, daemon: Daemon, seed: int) -> None:
        self.daemon = daemon
        self.random = random.Random(seed)
        self.faults = daemon.directory / "faults"
        self.faults.write_text("")
        daemon.env["BURROW_FAULTS_FILE"] = str(self.faults)
        self.done: List[str] = []
        self._kills: "Counter[str]" = Counter()

    def strike(self, is_over: Callable[[], bool]) -> None:
        """Kills something. At a named point it waits until the point is reached, or the load is over."""
        kinds: List[Callable[[Callable[[], bool]], str]] = [self._everything]
        parts = [part for part in ("control", "worker") if self._kills[part] < MAX_KILLS]
        if parts:
            kinds += [self._at_point] * 4 + [self._process] * 3
        if self._kills["container"] < MAX_CONTAINER_KILLS:
            kinds.append(self._container)
        part = self.random.choice(parts or [""])
        self.done.append(self.random.choice(kinds)(part, is_over))

    def _at_point(self, part: str, is_over: Callable[[], bool]) -> str:
        point = self.random.choice(POINTS[part])
        before = self._await(part)
        self._request("%s=kill" % point)
        try:
            wait_until(
                lambda: is_over() or self._find(part) != before, "%s was reached" % point, 60
            )
        finally:
            self._request("")
        self._kills[part] += 1
        return point

    def _process(self, part: str, is_over: Callable[[], bool]) -> str:
        if self.random.random() < 0.3:
            part = "imagefs"  # which its worker starts again, however often
        _kill(self._await(part))
        self._kills[part] += 1
        return part

    def _container(self, part: str, is_over: Callable[[], bool]) -> str:
        runners = [pid for pid, words in processes().items() if _is_runner(words)]
        if runners:
            self._kills["container"] += 1
            _kill(self.random.choice(runners))
        return "container"

    def _everything(self, part: str, is_over: Callable[[], bool]) -> str:
        self._kills["control"] = self._kills["worker"] = 0
        self.daemon.kill()
        self.daemon.start()
        return "everything"

    def _request(self, text: str) -> None:
        written = self.faults.with_suffix(".new")
        written.write_text(text)
        written.replace(self.faults)

    def _find(self, part: str) -> Optional[int]:
        state = str(self.daemon.state)
        for pid, words in processes().items():
            if words[1:2] == [part] and _belongs(pid, words, state):
                return pid
        return None

    def _await(self, part: str) -> int:
        wait_until(lambda: self._find(part) is not None, "there is a process %s" % part)
        return self._find(part) or 0


def processes() -> "Dict[int, List[str]]":
    """Command lines by process id."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if text:
                found[int(entry.name)] = text.rstrip("\0").split("\0")
    return found


def _belongs(pid: int, words: "List[str]", state: str) -> bool:
    """Whether a burrowd is of this state directory; imagefs is the child of a worker that is."""
    if state in words:
        return True
    try:
        parent = int(Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[1])
        return state in Path("/proc/%d/cmdline" % parent).read_text().split("\0")
    except OSError:
        return False


def _is_runner(words: "List[str]") -> bool:
    return any("burrow._runner.main" in word for word in words)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
