"""Mounts of the benchmark's own: a private namespace, overlays by hand, forgotten page caches."""

from __future__ import annotations

import ctypes
import os

_CLONE_NEWNS = 0x20000
_MS_BIND_RECURSIVE = 0x1000 | 0x4000
_MS_PRIVATE_RECURSIVE = 0x40000 | 0x4000
_MNT_DETACH = 2
_HYBRID_HIERARCHY = "/sys/fs/cgroup/unified"
_libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raises OSError for a system call that failed."""
    if result != 0:
        raise OSError(ctypes.get_errno(), "%s: %s" % (what, os.strerror(ctypes.get_errno())))


def enter_own_namespace() -> None:
    """This process and its children from here on: mounts end with them.

    On machines with both cgroup versions it unmounts version 2 there, which crun refuses.
    """
    check(_libc.unshare(_CLONE_NEWNS), "unshare")
    check(_libc.mount(b"none", b"/", None, _MS_PRIVATE_RECURSIVE, None), "make mounts private")
    if os.path.ismount(_HYBRID_HIERARCHY):
        check(_libc.umount2(_HYBRID_HIERARCHY.encode(), _MNT_DETACH), "unmount cgroup2")


def mount_overlay(lower: str, upper: str, work: str, target: str) -> None:
    """An overlay as container engines make it."""
    options = "lowerdir=%s,upperdir=%s,workdir=%s" % (lower, upper, work)
    check(
        _libc.mount(b"overlay", target.encode(), b"overlay", 0, options.encode()), "mount overlay"
    )


def bind(source: str, target: str) -> None:
    """A directory of this machine at another place, with what is mounted below."""
    result = _libc.mount(source.encode(), target.encode(), None, _MS_BIND_RECURSIVE, None)
    check(result, "bind " + source)


def unmount(target: str) -> None:
    """At once; busy or not."""
    check(_libc.umount2(target.encode(), _MNT_DETACH), "unmount " + target)


def drop_caches() -> None:
    """The kernel forgets pages, names and inodes that are on the disk."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3\n")
