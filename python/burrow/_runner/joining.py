"""Moves this process into a container that was made for it. Imported ahead, as it needs ctypes."""

from __future__ import annotations

import ctypes
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Dict, List

_PR_CAPBSET_DROP = 24  # prctl(2)
_CAPABILITY_VERSION_3 = 0x20080522  # capset(2)

_libc = ctypes.CDLL(None, use_errno=True)


class _Header(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("pid", ctypes.c_int)]


class _Data(ctypes.Structure):
    _fields_ = [(name, ctypes.c_uint32) for name in ("effective", "permitted", "inheritable")]


def join(namespaces: List[int]) -> None:
    """Joins the namespaces of those descriptors, the user namespace first.

    This process's capabilities stay what they were; its children are in the pid namespace, it is not
    itself. Raises OSError.
    """
    before = _capabilities()
    for fd in namespaces:
        if _libc.setns(fd, 0) != 0:
            _fail("join a namespace of the container")
    # Who enters a user namespace has every capability in it.
    for capability in range(_last_capability() + 1):
        if not before["CapBnd"] >> capability & 1:
            if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
                _fail("give up a capability")
    data = (_Data * 2)()
    for half in range(2):
        data[half].effective = before["CapEff"] >> 32 * half & 0xFFFFFFFF
        data[half].permitted = before["CapPrm"] >> 32 * half & 0xFFFFFFFF
    header = _Header(_CAPABILITY_VERSION_3, 0)
    if _libc.capset(ctypes.byref(header), data) != 0:
        _fail("give up capabilities")


def _capabilities() -> Dict[str, int]:
    with open("/proc/self/status") as file:
        fields = dict(line.split(":", 1) for line in file)
    return {name: int(fields[name], 16) for name in ("CapBnd", "CapEff", "CapPrm")}


def _last_capability() -> int:
    with open("/proc/sys/kernel/cap_last_cap") as file:
        return int(file.read())


def _fail(what: str) -> None:
    number = ctypes.get_errno()
    raise OSError(number, "%s: %s" % (what, os.strerror(number)))
