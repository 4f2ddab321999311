"""Moves this process into a container that was made for it. Imported ahead, as it needs ctypes."""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import List

_PR_CAPBSET_DROP = 24  # prctl(2)
_CAPABILITY_VERSION_3 = 0x20080522  # capset(2)

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


class Capabilities:
    """Those of this process, looked at ahead, to be had again after it has joined a user namespace."""

    def __init__(self) -> None:
        with open("/proc/self/status") as file:
            fields = dict(line.split(":", 1) for line in file)
        kept = int(fields["CapBnd"], 16)
        self._dropped = [one for one in range(_last_capability() + 1) if not kept >> one & 1]
        self._header = _Header(_CAPABILITY_VERSION_3, 0)
        self._data = (_Data * 2)()
        for half in range(2):
            self._data[half].effective = int(fields["CapEff"], 16) >> 32 * half & 0xFFFFFFFF
            self._data[half].permitted = int(fields["CapPrm"], 16) >> 32 * half & 0xFFFFFFFF

    def restore(self) -> None:
        """Who enters a user namespace has every capability in it: gives the others up again."""
        for capability in self._dropped:
            if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                _fail("give up a capability")
        if _libc.capset(ctypes.byref(self._header), self._data) != 0:
            _fail("give up capabilities")


def join(namespaces: List[int], capabilities: Capabilities) -> None:
    """Joins the namespaces of those descriptors, the user namespace first.

    This process has `capabilities` then; its children are in the pid namespace, it is not itself.
    Raises OSError.
    """
    for fd in namespaces:
        if _libc.setns(fd, 0) != 0:
            _fail("join a namespace of the container")
    capabilities.restore()


def _last_capability() -> int:
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return int(file.read())


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, "%s: %s" % (what, os.strerror(number)))
