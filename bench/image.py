"""What an image costs that nobody waited to download: cold, warm, replayed, imported, mounted; against its rivals."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from argparse import ArgumentParser, Namespace
from typing import Callable, Iterator

from burrow_images import Control
from image_big_file import big_file
from image_index import INDEX_LOAD, index_load
from image_rivals import archive, first_output
from image_samples import Samples
from image_starts import cold, mount, replay, second_container
from image_workload import Workload
from measurement import BenchError, Measurement
from mounts import enter_own_namespace

_ROUND_TRIPS = (0, 1, 5, 30)
_BIG = tuple("image.big_" + name for name in ("first", "reread", "mmap"))
_OF_RIVALS = ("first_output_vs_podman", "first_output_vs_stargz", "imagefs_mib_per_image")


def add_options(parser: ArgumentParser) -> None:
    """How much is measured; the defaults take about half an hour once the image is made."""
    parser.add_argument("--rounds", type=int, default=5, help="samples of each side")
    parser.add_argument("--quick", action="store_true", help="one sample of each side, 0 and 5 ms")
    parser.add_argument("--image-fs", default="auto", help="auto, erofs or fuse")
    parser.add_argument("--only", default="", metavar="TEXT", help="ids that contain this")


def run(options: Namespace) -> "tuple[list[Measurement], str]":
    """Measures everything; gives the measurements, and what was left out and why."""
    if os.geteuid() != 0:
        raise BenchError("mounts and containers need root")
    enter_own_namespace()
    if options.state_dir:
        os.makedirs(options.state_dir, exist_ok=True)
    work = tempfile.mkdtemp(prefix="burrow-bench-image-", dir=options.state_dir)
    rounds = 1 if options.quick else options.rounds
    try:
        measured = list(index_load(work, rounds)) if options.only in INDEX_LOAD else []
        if not any(options.only in one for one in _workload_ids()):
            return measured, ""  # the workload takes minutes to make
        more, appendix = _with_workload(options, work, rounds)
        return measured + more, appendix
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _with_workload(options: Namespace, work: str, rounds: int) -> "tuple[list[Measurement], str]":
    keep = os.path.join(options.state_dir or work, "image")
    workload = Workload(keep)
    workload.make()
    control = Control(os.path.join(work, "control"), work)
    try:
        samples = Samples(workload, control, options.image_fs, work, keep, rounds)
        return _measure(samples, options), _left_out(samples)
    finally:
        control.close()


def _measure(samples: Samples, options: Namespace) -> "list[Measurement]":
    samples.index = samples.control.import_image(samples.workload.rootfs)
    samples.record()
    round_trips = tuple(
        distance
        for distance in ((0, 5) if options.quick else _ROUND_TRIPS)
        if any(options.only in one for one in _cold_ids(distance))
    )
    parts: "list[tuple[list[str], Callable[[], Iterator[Measurement]]]]" = [
        ([one for d in round_trips for one in _cold_ids(d)], lambda: cold(samples, round_trips)),
        (["image.second_container"], lambda: second_container(samples)),
        (["image.replay_warm"], lambda: replay(samples)),
        (["image.mount_ms"], lambda: mount(samples)),
        (list(_BIG), lambda: big_file(samples)),
        (["image." + name for name in _OF_RIVALS], lambda: first_output(samples)),
        (["image.import_vs_podman_load"], lambda: archive(samples)),
    ]
    measured: "list[Measurement]" = []
    for ids, part in parts:
        if any(options.only in one for one in ids):
            for measurement in part():
                if options.only in measurement.id:
                    _say(measurement)
                    measured.append(measurement)
    return measured


def _say(measurement: Measurement) -> None:
    """At once: the table comes after half an hour."""
    found = (measurement.id, measurement.value, measurement.baseline, measurement.unit)
    print("%s: %.4g and %.4g %s" % found, file=sys.stderr, flush=True)


def _workload_ids() -> "list[str]":
    """Of everything that is measured with the workload's image."""
    ids = [one for distance in _ROUND_TRIPS for one in _cold_ids(distance)]
    ids += ["image.second_container", "image.replay_warm", "image.mount_ms", *_BIG]
    return ids + ["image." + name for name in _OF_RIVALS] + ["image.import_vs_podman_load"]


def _cold_ids(distance: int) -> "list[str]":
    return ["image.cold_rtt%d_%s" % (distance, trace) for trace in ("trace", "notrace")]


def _left_out(samples: Samples) -> str:
    return "".join("left out: %s\n" % reason for reason in samples.left_out)
