"""Single samples of the benchmark `image`: the workload on an image that a node never saw, and on a local overlay."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from typing import Callable, Iterator

from burrow_images import Control, MountedImage, mounted
from image_workload import COMMAND, Workload
from measurement import BenchError
from mounts import bind, drop_caches, mount_overlay, unmount


@dataclass
class Samples:
    """What the parts of the benchmark share.

    Attributes:
        work: directory of samples, gone at the end; `keep` stays for the next run.
        index: digest of the workload's index at `control`.
        hot_set: file with what the workload's first run read; made by `record`.
    """

    workload: Workload
    control: Control
    tier: str
    work: str
    keep: str
    rounds: int
    index: str = ""
    hot_set: str = ""
    left_out: "list[str]" = field(default_factory=list)
    _next: int = 0

    def directory(self) -> str:
        """A new one."""
        self._next += 1
        path = os.path.join(self.work, "sample-%d" % self._next)
        os.mkdir(path)
        return path

    def node(self, index: "str | None" = None, **options: "str | None") -> "MountedNode":
        """A node that has nothing, ready to mount the workload's image or another one."""
        return mounted(
            self.control, self.directory(), index or self.index, self.tier, keep=True, **options
        )

    def record(self) -> None:
        """The hot set of the workload, as its first run on any machine records it."""
        self.hot_set = os.path.join(self.work, "hot-set")
        with self.node(record=self.hot_set) as image:
            image.mount()
            run_inside(image.root)
            image.finish_recording()

    def never_seen(self, hot_set: bool) -> float:
        """Milliseconds from wanting a container's root to the end of the workload; the node has nothing of the image."""
        with self.node(hot_set=self.hot_set if hot_set else None) as image:
            start = time.perf_counter()
            image.mount()
            run_inside(image.root)
            return (time.perf_counter() - start) * 1000

    @contextlib.contextmanager
    def overlay(self, lower: str) -> "Iterator[str]":
        """A root over an unpacked tree."""
        directory = self.directory()
        paths = [os.path.join(directory, name) for name in ("upper", "work", "root")]
        for path in paths:
            os.mkdir(path)
        mount_overlay(lower, *paths)
        try:
            yield paths[2]
        finally:
            unmount(paths[2])
            shutil.rmtree(directory, ignore_errors=True)

    def local(self, _: int = 0) -> float:
        """The workload on a local overlay, whose files the page cache has."""
        start = time.perf_counter()
        with self.overlay(self.workload.rootfs) as root:
            run_inside(root)
            return (time.perf_counter() - start) * 1000


MountedNode = contextlib.AbstractContextManager[MountedImage]


def run_inside(root: str) -> None:
    """The workload with this machine's /proc and /dev, to its end."""
    for name in ("proc", "dev"):
        bind("/" + name, "%s/%s" % (root, name))
    try:
        done = subprocess.run(
            ["chroot", root, *COMMAND],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin:/usr/sbin"},
            timeout=600,
            check=False,
        )
    finally:
        for name in ("dev", "proc"):
            unmount("%s/%s" % (root, name))
    if done.returncode != 0:
        raise BenchError("the workload: " + done.stderr.decode("utf-8", "replace")[-1000:])


def milliseconds_after_drop(call: "Callable[[], object]") -> float:
    """What a call takes when the page cache is empty."""
    drop_caches()
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000
