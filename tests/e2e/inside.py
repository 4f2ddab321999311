"""The processes in the containers of one burrowd, and what their calls say that they do."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Callable, Dict, Iterator, List, NamedTuple, Optional

from leftovers import instance_tag

# A function that says what it does in here is caught while it does that.
SAYING = """
import os, time

def say(function, moment):
    with open("/tmp/saying", "w") as file:
        file.write("%s %s %f\\n" % (function, moment, time.monotonic()))
    os.rename("/tmp/saying", "/tmp/said")
"""


class Process(NamedTuple):
    pid: int
    numbers: List[str]  # its ids, from this machine's to that in the container
    words: List[str]

    @property
    def runs_calls(self) -> bool:
        return any("burrow._runner.main" in word for word in self.words)


class Said(NamedTuple):
    function: str
    moment: str
    seconds: float  # ago


class Container(NamedTuple):
    """A control group with a container in it: a function's, or a template's."""

    name: str  # the container's id, where it was not forked
    processes: List[Process]

    @property
    def init(self) -> Optional[Process]:
        return self._first(lambda one: len(one.numbers) > 1 and one.numbers[-1] == "1")

    @property
    def runner(self) -> Optional[Process]:
        """Whose calls are this container's: one that has arrived there, if it was forked."""
        init = self.init
        depth = len(init.numbers) if init else 0
        return self._first(lambda one: one.runs_calls and len(one.numbers) == depth)

    def find(self, role: str) -> Optional[Process]:
        """Its "container" (a runner that is init), "runner" (one that was forked), "standby" (init of such a one)
        or "engine"."""
        init, runner = self.init, self.runner
        if init is None or runner is None:
            return None
        if role == "engine":
            return self._first(lambda one: os.path.basename(one.words[0]) == "crun")
        if (role == "container") != (init == runner):
            return None
        return init if role == "standby" else runner

    def said(self) -> Optional[Said]:
        """What its call said last."""
        runner = self.runner
        try:
            text = Path("/proc/%d/root/tmp/said" % runner.pid).read_text() if runner else ""
        except OSError:
            return None
        words = text.split()
        if len(words) != 3:
            return None
        return Said(words[0], words[1], time.monotonic() - float(words[2]))

    def _first(self, matches: Callable[[Process], bool]) -> Optional[Process]:
        return next((one for one in self.processes if matches(one)), None)


def containers(state: Path) -> List[Container]:
    """Those of the burrowd with this state directory alone, whatever else runs on the machine."""
    found: Dict[str, Container] = {}
    for top in _groups(state):
        for group in _directories(top):
            if group.name not in found:
                found[group.name] = Container(group.name, list(_processes_in(group)))
    return list(found.values())


def _groups(state: Path) -> List[Path]:
    name = "burrow-" + instance_tag(state)
    root = Path("/sys/fs/cgroup")
    return [path for path in (root / name, root / "pids" / name) if path.is_dir()]


def _directories(path: Path) -> List[Path]:
    try:
        return [Path(entry.path) for entry in os.scandir(path) if entry.is_dir()]
    except OSError:
        return []


def _processes_in(group: Path) -> Iterator[Process]:
    try:
        pids = (group / "cgroup.procs").read_text().split()
    except OSError:
        return
    for pid in pids:
        try:
            status = Path("/proc", pid, "status").read_text()
            words = Path("/proc", pid, "cmdline").read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        numbers = next(line for line in status.splitlines() if line.startswith("NSpid:"))
        yield Process(int(pid), numbers.split()[1:], words)
