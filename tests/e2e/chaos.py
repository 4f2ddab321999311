"""Kills parts of a running burrowd: at named points, at any moment, or all of them at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
from collections import Counter
from pathlib import Path
from typing import Callable, Dict, List, Optional, Sequence

from daemon import Daemon, wait_until
from inside import Container, Said, containers
from leftovers import check_removed, traces

# Where a process can be made to die, by what it is; see base/faults.h.
POINTS = {
    "control.submit.stored": "control",
    "control.call.dispatched": "control",
    "control.outcome.received": "control",
    "control.outcome.stored": "control",
    "store.commit.before": "control",
    "store.commit.after": "control",
    "worker.container.launched": "worker",
    "worker.call.handed_over": "worker",
    "worker.outcome.unsent": "worker",
}
PROCESSES = ["control.anywhere", "worker.anywhere", "imagefs.anywhere"]
# What dies of a container (see inside.Container.find), and what its call says meanwhile.
INSIDE = [
    "container.appeared",  # in `burrow ps`, as ready
    "container.runs",
    "container.ended",
    "runner.starts",
    "runner.runs",
    "runner.ended",
    "standby.runs",
    "engine.runs",
]
ROLES = {name.partition(".")[0] for name in INSIDE}
EVERYTHING = ["everything.starts", "everything.runs", "everything.ended"]
STRIKES = [*POINTS, *PROCESSES, *INSIDE, *EVERYTHING]

# Those of an app that keeps files in a volume (chaos_keeping): moments of certain functions, behind the colon.
KEEPING = [
    "store.commit.before",
    "store.commit.after",
    "control.outcome.received",
    "worker.outcome.unsent",
    *PROCESSES,
    "container.runs:doubled",
    "container.runs:tick",
    "container.writes:record",
    "container.commits:record",
    "runner.runs:warmed",
    "everything.commits",
    "everything.runs",
]

# Three crashes of one input are taken for its own fault, so that no function's containers may be killed thrice.
MAX_CONTAINER_KILLS = 2
# Kept for what is killed of forks.
FORKED = ["Warm", "warmed"]
# `burrowd up` gives up on a part that ends more often than five times in a row. A point may be reached again, by the next
# process while it starts, before it is taken back.
MAX_KILLS = 3
# A call has just ended, or a container has just begun, if that was said not longer ago.
JUST_S = 0.1
REACHED_S = 60.0


class Chaos:
    """Decides by a seed in which order everything dies; `done` tells what did."""

    def __init__(self, daemon: Daemon, seed: int, strikes: Sequence[str] = STRIKES) -> None:
        self.daemon = daemon
        # Nothing is reached any more when it has ended.
        self.load: "Optional[subprocess.Popen[str]]" = None
        self.random = random.Random(seed)
        self.faults = daemon.directory / "faults"
        self.faults.write_text("")
        daemon.env["BURROW_FAULTS_FILE"] = str(self.faults)
        self.plan = self.random.sample(strikes, len(strikes))
        self.done: List[str] = []
        self._kills: "Counter[str]" = Counter()  # of containers, by function
        self._forgiven: "Counter[str]" = Counter()  # ends of which this `burrowd up` does not know

    def strike(self, name: str) -> None:
        """Kills what the name says, when it says; fails if that does not come."""
        part, _, moment = name.partition(".")
        if part == "everything":
            self._everything(moment)
        elif part in ROLES:
            self._inside(part, *moment.partition(":")[::2])
        else:
            part = POINTS.get(name, part)
            if self._ends(part) - self._forgiven[part] >= MAX_KILLS:
                self._everything("runs")
            self._part(part, name)
        self.done.append(name)

    def _part(self, part: str, name: str) -> None:
        before, ends = self._await(part), self._ends(part)
        if name in POINTS:
            self._request("%s=kill" % name)
        else:
            _send(before, signal.SIGKILL)
        try:
            self._until(lambda: self._find(part) != before, name)
        finally:
            self._request("")
        if part == "imagefs":  # which its worker starts again, however often
            return
        self._until(lambda: self._ends(part) > ends, "`burrowd up` knows of " + name)

    def _ends(self, part: str) -> int:
        """How often the part was killed, as `burrowd up` says; also while it was being started."""
        said: str = self.daemon.log.read_text(errors="replace")
        return said.count("%s ended (-9)" % part) + said.count(
            "%s could not be started again" % part
        )

    def _inside(self, role: str, moment: str, function: str) -> None:
        name = "%s.%s %s" % (role, moment, function)
        if moment == "appeared":
            known = self._ready()
            self._until(lambda: self._kill_new(known), name)
        else:
            self._until(
                lambda: any(self._caught(one, role, moment, function) for one in self._some()), name
            )

    def _kill_new(self, known: Dict[str, str]) -> bool:
        """Kills a container that `burrow ps` did not call ready before."""
        ready = self._ready()
        for one in self._some():
            victim = one.find("container")
            function = ready.get(one.name, "")
            if one.name not in known and victim and self._may_kill("container", function):
                self._kills[function] += 1
                return _send(victim.pid, signal.SIGKILL)
        return False

    def _caught(self, container: Container, role: str, moment: str, function: str) -> bool:
        """Kills if it is the moment: nothing goes on between the last look and the kill."""
        runner, victim = container.runner, container.find(role)
        said = container.said()
        if runner is None or victim is None or not self._is_victim(role, said, moment):
            return False
        if said is None or function not in ("", said.function):
            return False
        _send(runner.pid, signal.SIGSTOP)
        try:
            said = container.said()
            if said is None or not self._is_victim(role, said, moment):
                return False
            self._kills[said.function] += moment != "starts"
            return _send(victim.pid, signal.SIGKILL)
        finally:
            _send(runner.pid, signal.SIGCONT)

    def _is_victim(self, role: str, said: Optional[Said], moment: str) -> bool:
        if said is None or not _says(said, moment):
            return False
        # Before a fork takes calls nobody's call is in it.
        return moment == "starts" or self._may_kill(role, said.function)

    def _may_kill(self, role: str, function: str) -> bool:
        fits = (role in ("runner", "standby")) == (function in FORKED)
        return function != "" and fits and self._kills[function] < MAX_CONTAINER_KILLS

    def _everything(self, moment: str) -> None:
        name = "everything.%s" % moment
        self._until(lambda: any(_says(one.said(), moment) for one in self._some()), name)
        self.daemon.kill()
        left = traces(self.daemon.state)
        for part in ("control", "worker"):
            self._forgiven[part] = self._ends(part)
        self.daemon.start()
        check_removed(left, self.daemon.state)

    def _until(self, condition: Callable[[], object], point: str) -> None:
        def happened() -> object:
            assert self.load is None or self.load.poll() is None, "the load ended before " + point
            return condition()

        wait_until(happened, "%s was reached" % point, REACHED_S, pause_s=0.005)

    def _some(self) -> List[Container]:
        found = containers(self.daemon.state)
        return self.random.sample(found, len(found))

    def _ready(self) -> Dict[str, str]:
        """The functions of the containers that `burrow ps` calls ready, by container."""
        rows = [line.split() for line in self.daemon.burrow("ps").stdout.splitlines()]
        return {row[0]: row[2] for row in rows if row and row[0][:3] == "ct-" and row[3] == "ready"}

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
        found: List[int] = []

        def is_found() -> bool:
            found.extend(pid for pid in [self._find(part)] if pid is not None)
            return found != []

        wait_until(is_found, "there is a process %s" % part)
        return found[0]


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


def _says(said: Optional[Said], moment: str) -> bool:
    return (
        said is not None and said.moment == moment and (moment == "runs" or said.seconds < JUST_S)
    )


def _send(pid: int, number: int) -> bool:
    """Whether there was such a process."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True
