"""Reaps processes that lost their parent and fell to the runner, the first process of a container.

Only those that cannot be children of user code are reaped: a child is in its parent's session or
leads one of its own, so a zombie of any other session was somebody else's child. Orphans that
stayed in the runner's session look like children; reaping them could take an exit status from user
code that will still ask for it, so they stay until the container ends.
"""

from __future__ import annotations

import os
from time import monotonic

_PERIOD_S = 1.0


class Reaper:
    """Looks between calls, at most once per period, and only when some child has ended."""

    def __init__(self) -> None:
        self._next_look = 0.0

    def reap(self) -> None:
        """Reaps every orphan that has ended."""
        now = monotonic()
        if now < self._next_look:
            return
        self._next_look = now + _PERIOD_S
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is not None:
                _reap_all()
        except OSError:
            pass  # no child at all, or /proc is not there


def _reap_all() -> None:
    own_session = os.getsid(0)
    for name in os.listdir("/proc"):
        if name.isdigit() and _is_ended_orphan(int(name), own_session):
            try:
                os.waitpid(int(name), os.WNOHANG)
            except ChildProcessError:
                pass


def _is_ended_orphan(pid: int, own_session: int) -> bool:
    try:
        with open("/proc/%d/stat" % pid, "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return False
    state, parent, session = fields[0], int(fields[1]), int(fields[3])
    return state == b"Z" and parent == os.getpid() and session not in (own_session, pid)
