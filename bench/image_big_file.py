"""A file of 1 GiB in an image: its first read on a node, the next, and by mmap."""

from __future__ import annotations

import mmap
import time
from typing import Iterator

from image_samples import Samples
from image_workload import BIG_BYTES
from measurement import Measurement, median
from mounts import drop_caches

_MIB = 1 << 20
_NOTES = {
    "first": "first read of a 1 GiB file on this node, from the store; baseline: overlay over ext4, "
    "caches dropped",
    "reread": "the same file again, page cache warm; baseline: overlay over ext4",
    "mmap": "the same file in the next container by mmap, caches dropped; baseline: overlay over ext4",
}


def big_file(samples: Samples) -> "Iterator[Measurement]":
    """Three measurements of the same files."""
    index = samples.control.import_image(samples.workload.big)
    speeds: "dict[str, tuple[list[float], list[float]]]" = {name: ([], []) for name in _NOTES}
    for _ in range(max(1, samples.rounds // 2)):
        with samples.node(index) as image, samples.overlay(samples.workload.big) as local:
            image.mount()
            paths = (image.root + "/big", local + "/big")
            for side, path in enumerate(paths):
                drop_caches()
                speeds["first"][side].append(read_speed(path))
                speeds["reread"][side].append(read_speed(path))
            image.again()
            for side, path in enumerate(paths):
                drop_caches()
                speeds["mmap"][side].append(_map_speed(path))
    for name, (values, baselines) in speeds.items():
        yield Measurement(
            "image.big_" + name,
            median(values),
            "MB/s",
            median(baselines),
            "higher",
            len(values),
            _NOTES[name],
        )


def read_speed(path: str) -> float:
    """MB/s of one process that reads a file in blocks of 1 MiB."""
    buffer = bytearray(_MIB)
    total = 0
    start = time.perf_counter()
    with open(path, "rb", buffering=0) as file:
        while True:
            got = file.readinto(buffer)
            if not got:
                break
            total += got
    return total / 1e6 / (time.perf_counter() - start)


def _map_speed(path: str) -> float:
    """MB/s of one process that copies a mapped file in blocks of 1 MiB."""
    start = time.perf_counter()
    with open(path, "rb") as file:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
            for offset in range(0, BIG_BYTES, _MIB):
                mapped[offset : offset + _MIB]
    return BIG_BYTES / 1e6 / (time.perf_counter() - start)
