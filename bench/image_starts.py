"""Starts of the workload: on a node that never saw the image, in a second container, replayed, and mounted alone."""

from __future__ import annotations

import os
import time
from typing import Iterator

from image_samples import Samples, run_inside
from image_workload import COMMAND
from measurement import Measurement, interleave, median
from processes import run
from recorded_calls import record

_REPLAY = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "bin", "replay"
)
_SAID = " ".join(COMMAND[1:])


def cold(samples: Samples, round_trips: "tuple[int, ...]") -> "Iterator[Measurement]":
    """Both with and without what an earlier run recorded, for each distance of the store."""
    samples.local()
    for distance in round_trips:
        samples.control.set_round_trip(distance)
        traced: "list[float]" = []
        untraced: "list[float]" = []
        local: "list[float]" = []
        for _ in range(samples.rounds):
            traced.append(samples.never_seen(hot_set=True))
            local.append(samples.local())
            untraced.append(samples.never_seen(hot_set=False))
        samples.control.set_round_trip(0)
        for name, values, ahead in (
            ("trace", traced, "what an earlier run read fetched ahead"),
            ("notrace", untraced, "nothing fetched ahead"),
        ):
            note = (
                "python3 %s in an image that this node never saw, from wanting its root to the end, store "
                "%d ms away, %s; baseline: on a warm local overlay of the unpacked tree"
                % (_SAID, distance, ahead)
            )
            yield _lower("image.cold_rtt%d_%s" % (distance, name), values, local, note)


def second_container(samples: Samples) -> "Iterator[Measurement]":
    """The page cache has everything, the root is new."""
    with samples.node() as image:
        image.mount()
        run_inside(image.root)

        def ours(_: int) -> float:
            start = time.perf_counter()
            image.again()
            run_inside(image.root)
            return (time.perf_counter() - start) * 1000

        ours(0)
        samples.local()
        values, baselines = interleave(max(3, samples.rounds * 2), ours, samples.local)
    note = (
        "python3 %s in the next container's root, page cache warm, with the unmount of the root before; "
        "baseline: a new overlay over the unpacked tree" % _SAID
    )
    yield _lower("image.second_container", values, baselines, note)


def replay(samples: Samples) -> "Iterator[Measurement]":
    """The workload's file system calls without the workload."""
    calls = os.path.join(samples.work, "calls")
    with samples.overlay(samples.workload.rootfs) as local, samples.node() as image:
        count = record(local, COMMAND, calls)
        image.mount()
        _replay(image.root, calls)
        _replay(local, calls)
        values, baselines = interleave(
            max(3, samples.rounds * 4),
            lambda _: _replay(image.root, calls),
            lambda _: _replay(local, calls),
        )
    note = (
        "the %d file system calls of the workload replayed, everything warm; baseline: on an overlay "
        "over the unpacked tree" % count
    )
    yield _lower("image.replay_warm", values, baselines, note)


def mount(samples: Samples) -> "Iterator[Measurement]":
    """What a container's root costs that nobody looks into."""

    def baseline(_: int) -> float:
        start = time.perf_counter()
        with samples.overlay(samples.workload.rootfs):
            pass
        return (time.perf_counter() - start) * 1000

    with samples.node() as image:
        image.mount()

        def ours(_: int) -> float:
            start = time.perf_counter()
            image.again()
            return (time.perf_counter() - start) * 1000

        values, baselines = interleave(max(3, samples.rounds * 6), ours, baseline)
    note = "unmount and mount of a known image's root, its directories made anew; baseline: of an overlay"
    yield _lower("image.mount_ms", values, baselines, note)


def _lower(name: str, values: "list[float]", baselines: "list[float]", note: str) -> Measurement:
    return Measurement(name, median(values), "ms", median(baselines), "lower", len(values), note)


def _replay(root: str, calls: str) -> float:
    return int(run([_REPLAY, root, calls])) / 1e6
