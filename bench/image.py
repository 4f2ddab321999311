"""What an image costs that nobody waited to download: cold, warm, replayed, imported, mounted; against its rivals."""

from __future__ import annotations

import contextlib
import mmap
import os
import shutil
import subprocess
import tempfile
import time
from argparse import ArgumentParser, Namespace
from typing import Callable, Iterator

from burrow_images import Control, mounted
from image_workload import BIG_BYTES, COMMAND, Workload, bundle
from measurement import BenchError, Measurement, interleave, median
from mounts import bind, drop_caches, enter_own_namespace, mount_overlay, unmount
from other_engines import Podman, Registry, Stargz
from processes import proportional_memory, run as run_command
from recorded_calls import record as record_calls

_BENCH = os.path.dirname(os.path.abspath(__file__))
_CHECKOUT = os.path.dirname(_BENCH)
_ROUND_TRIPS = (0, 1, 5, 30)
_MIB = 1 << 20
_FILES = 30_000  # of the image that memory is told for


def add_options(parser: ArgumentParser) -> None:
    """How much is measured; the defaults take about half an hour once the image is made."""
    parser.add_argument("--rounds", type=int, default=5, help="samples of each side")
    parser.add_argument("--quick", action="store_true", help="one sample of each side, 0 and 5 ms")
    parser.add_argument("--image-fs", default="auto", help="auto, erofs or fuse")
    parser.add_argument("--only", default="", metavar="TEXT", help="ids that contain this")


def run(options: Namespace) -> "tuple[list[Measurement], str]":
    """Measures everything; gives the measurements and what was left out, and why."""
    if os.geteuid() != 0:
        raise BenchError("mounts and containers need root")
    enter_own_namespace()
    work = tempfile.mkdtemp(prefix="burrow-bench-image-", dir=options.state_dir)
    keep = options.state_dir or work
    try:
        workload = Workload(os.path.join(keep, "image"))
        workload.make()
        return ImageBench(options, workload, work, os.path.join(keep, "image")).run()
    finally:
        shutil.rmtree(work, ignore_errors=True)


class ImageBench:
    """One run. Directories of samples are below `work`, what a later run can use again below `keep`."""

    def __init__(self, options: Namespace, workload: Workload, work: str, keep: str) -> None:
        self._only, self._tier = options.only, options.image_fs
        self._rounds = 1 if options.quick else options.rounds
        self._round_trips = (0, 5) if options.quick else _ROUND_TRIPS
        self._workload, self._work, self._keep = workload, work, keep
        self._hot_set = os.path.join(work, "hot-set")
        self._next = 0
        self._left_out: "list[str]" = []

    def run(self) -> "tuple[list[Measurement], str]":
        control = Control(os.path.join(self._work, "control"), self._work)
        try:
            self._control = control
            self._index = control.import_image(self._workload.rootfs)
            self._record()
            parts = (self._cold, self._second_container, self._replay, self._mount, self._big)
            measurements = [m for part in parts for m in self._wanted(part)]
            measurements += self._wanted(self._first_output)
            measurements += self._wanted(self._import)
        finally:
            control.close()
        return measurements, "".join("left out: %s\n" % line for line in self._left_out)

    def _wanted(self, part: "Callable[[], Iterator[Measurement]]") -> "list[Measurement]":
        """What a part measures, where --only does not exclude it."""
        ids = _IDS[part.__name__]
        if self._only and not any(self._only in one for one in ids):
            return []
        return [m for m in part() if self._only in m.id]

    def _directory(self) -> str:
        self._next += 1
        path = os.path.join(self._work, "sample-%d" % self._next)
        os.mkdir(path)
        return path

    # The sides.

    def _record(self) -> None:
        """The hot set of the workload, as its first run on any machine records it."""
        directory = self._directory()
        with mounted(
            self._control, directory, self._index, self._tier, record=self._hot_set
        ) as image:
            image.mount()
            _run_inside(image.root)
            image.finish_recording()

    def _never_seen(self, hot_set: bool) -> float:
        """Milliseconds from wanting a container's root to the end of the workload; the node has nothing of the image."""
        with mounted(
            self._control,
            self._directory(),
            self._index,
            self._tier,
            hot_set=self._hot_set if hot_set else None,
        ) as image:
            start = time.perf_counter()
            image.mount()
            _run_inside(image.root)
            return (time.perf_counter() - start) * 1000

    @contextlib.contextmanager
    def _overlay(self, lower: str) -> "Iterator[str]":
        """A root over the unpacked tree."""
        directory = self._directory()
        paths = [os.path.join(directory, name) for name in ("upper", "work", "root")]
        for path in paths:
            os.mkdir(path)
        mount_overlay(lower, *paths)
        try:
            yield paths[2]
        finally:
            unmount(paths[2])
            shutil.rmtree(directory, ignore_errors=True)

    def _local(self, _: int = 0) -> float:
        """The same on a local overlay, whose files the page cache has."""
        start = time.perf_counter()
        with self._overlay(self._workload.rootfs) as root:
            _run_inside(root)
            return (time.perf_counter() - start) * 1000

    # The measurements.

    def _cold(self) -> "Iterator[Measurement]":
        self._local()
        for milliseconds in self._round_trips:
            self._control.set_round_trip(milliseconds)
            with_trace: "list[float]" = []
            without: "list[float]" = []
            local: "list[float]" = []
            for _ in range(self._rounds):
                with_trace.append(self._never_seen(hot_set=True))
                local.append(self._local())
                without.append(self._never_seen(hot_set=False))
            self._control.set_round_trip(0)
            note = (
                "'%s' in an image that this node never saw, from wanting its root to the end, store %d ms "
                "away, %s; baseline: on a warm local overlay of the unpacked tree"
            )
            for name, values, what in (
                ("trace", with_trace, "what an earlier run read first fetched ahead"),
                ("notrace", without, "nothing fetched ahead"),
            ):
                yield Measurement(
                    "image.cold_rtt%d_%s" % (milliseconds, name),
                    median(values),
                    "ms",
                    median(local),
                    "lower",
                    len(values),
                    note % (" ".join(COMMAND), milliseconds, what),
                )

    def _second_container(self) -> "Iterator[Measurement]":
        rounds = max(3, self._rounds * 2)
        with mounted(self._control, self._directory(), self._index, self._tier) as image:
            image.mount()
            _run_inside(image.root)

            def ours(_: int) -> float:
                start = time.perf_counter()
                image.again()
                _run_inside(image.root)
                return (time.perf_counter() - start) * 1000

            ours(0)
            self._local()
            values, baselines = interleave(rounds, ours, self._local)
        note = (
            "'%s' in another container's root, page cache warm, with the unmount of the one before; "
            "baseline: a new overlay over the unpacked tree" % " ".join(COMMAND)
        )
        yield Measurement(
            "image.second_container",
            median(values),
            "ms",
            median(baselines),
            "lower",
            rounds,
            note,
        )

    def _replay(self) -> "Iterator[Measurement]":
        calls = os.path.join(self._work, "calls")
        rounds = max(3, self._rounds * 4)
        with self._overlay(self._workload.rootfs) as local:
            count = record_calls(local, COMMAND, calls)
            with mounted(self._control, self._directory(), self._index, self._tier) as image:
                image.mount()
                _replay(image.root, calls)
                _replay(local, calls)
                values, baselines = interleave(
                    rounds, lambda _: _replay(image.root, calls), lambda _: _replay(local, calls)
                )
        note = "the %d file system calls of the workload without the workload, everything warm; "
        note += "baseline: on an overlay over the unpacked tree"
        yield Measurement(
            "image.replay_warm",
            median(values),
            "ms",
            median(baselines),
            "lower",
            rounds,
            note % count,
        )

    def _mount(self) -> "Iterator[Measurement]":
        rounds = 20 * max(1, self._rounds // 2)

        def baseline(_: int) -> float:
            start = time.perf_counter()
            with self._overlay(self._workload.rootfs):
                pass
            return (time.perf_counter() - start) * 1000

        with mounted(self._control, self._directory(), self._index, self._tier) as image:
            image.mount()

            def ours(_: int) -> float:
                start = time.perf_counter()
                image.again()
                return (time.perf_counter() - start) * 1000

            values, baselines = interleave(rounds, ours, baseline)
        note = "unmount and mount of a known image's root, with its directories; baseline: of an overlay"
        yield Measurement(
            "image.mount_ms", median(values), "ms", median(baselines), "lower", rounds, note
        )

    def _big(self) -> "Iterator[Measurement]":
        index = self._control.import_image(self._workload.big)
        samples: "dict[str, tuple[list[float], list[float]]]" = {
            name: ([], []) for name in ("first", "reread", "mmap")
        }
        for _ in range(max(1, self._rounds // 2)):
            with mounted(self._control, self._directory(), index, self._tier) as image:
                image.mount()
                with self._overlay(self._workload.big) as local:
                    for place, path in enumerate((image.root + "/big", local + "/big")):
                        drop_caches()
                        samples["first"][place].append(_read_speed(path))
                        samples["reread"][place].append(_read_speed(path))
                image.again()
                with self._overlay(self._workload.big) as local:
                    for place, path in enumerate((image.root + "/big", local + "/big")):
                        drop_caches()
                        samples["mmap"][place].append(_map_speed(path))
        notes = {
            "first": "1 GiB file of an image, first read on this node, from the store; baseline: "
            "overlay over ext4, caches dropped",
            "reread": "the same file again, page cache warm; baseline: overlay over ext4",
            "mmap": "every page by mmap in another container, caches dropped; baseline: overlay over ext4",
        }
        for name, (values, baselines) in samples.items():
            yield Measurement(
                "image.big_" + name,
                median(values),
                "MB/s",
                median(baselines),
                "higher",
                len(values),
                notes[name],
            )

    def _first_output(self) -> "Iterator[Measurement]":
        registry = Registry(self._registry_directory(), self._work)
        podman = Podman(self._work)
        stargz = self._stargz(registry)
        rounds = max(1, self._rounds // 2)
        ours: "list[float]" = []
        theirs: "list[float]" = []
        lazy: "list[float]" = []
        our_memory: "list[float]" = []
        lazy_memory: "list[float]" = []
        try:
            for _ in range(rounds):
                ours.append(self._first_output_of_burrow(our_memory))
                podman.forget()
                theirs.append(_after_drop(lambda: podman.pull_and_run(registry.reference("1"))))
                podman.forget()
                if stargz:
                    stargz.start_empty()
                    before = stargz.memory()
                    reference = registry.reference("lazy")
                    lazy.append(_after_drop(lambda: stargz.pull_and_run(reference)))
                    lazy_memory.append((stargz.memory() - before) / _MIB)
                    stargz.stop()
        finally:
            podman.forget()
            if stargz:
                stargz.stop()
            registry.close()
        note = (
            "never-seen image to the workload's output, in a container of crun, caches dropped, "
            "hot set known; baseline: %s from a local docker-registry"
        )
        for name, baseline, what in (
            ("podman", theirs, "podman pull and podman run"),
            ("stargz", lazy, "containerd with stargz-snapshotter, image converted and optimized"),
        ):
            if baseline:
                yield Measurement(
                    "image.first_output_vs_" + name,
                    median(ours),
                    "ms",
                    median(baseline),
                    "lower",
                    rounds,
                    note % what,
                )
        if lazy_memory:
            yield Measurement(
                "image.imagefs_mib_per_image",
                median(our_memory),
                "MiB",
                median(lazy_memory),
                "lower",
                rounds,
                "growth of imagefs by one image with %d files, all of them looked at; baseline: growth of "
                "stargz-snapshotter by the workload's run" % _FILES,
            )

    def _registry_directory(self) -> str:
        """Of a registry that has the workload; the lazy form is added where it can be made."""
        directory = os.path.join(self._keep, "registry")
        if not os.path.exists(directory + ".done"):
            shutil.rmtree(directory, ignore_errors=True)
            registry = Registry(directory, self._work)
            try:
                target = "docker://" + registry.reference("1")
                source = "oci:%s:w" % self._workload.layout
                run_command(["skopeo", "copy", "--dest-tls-verify=false", source, target])
            finally:
                registry.close()
            with open(directory + ".done", "w", encoding="ascii"):
                pass
        return directory

    def _stargz(self, registry: Registry) -> "Stargz | None":
        try:
            stargz = Stargz(self._keep, self._work)
            converted = os.path.join(self._keep, "lazy.done")
            if not os.path.exists(converted):
                stargz.convert(registry.reference("1"), registry.reference("lazy"))
                with open(converted, "w", encoding="ascii"):
                    pass
            return stargz
        except BenchError as error:
            self._left_out.append("image.first_output_vs_stargz: %s" % error)
            return None

    def _first_output_of_burrow(self, memory: "list[float]") -> float:
        directory = self._directory()
        say = (COMMAND[0], "-c", COMMAND[2] + "; print('imported', flush=True)")
        with mounted(
            self._control, directory, self._index, self._tier, hot_set=self._hot_set
        ) as image:
            engine = ["crun", "--cgroup-manager=disabled", "--root", directory + "/crun", "run"]
            where = bundle(directory + "/bundle", image.root, say)
            before = proportional_memory(image.server_pid())

            def start() -> None:
                image.mount()
                printed = run_command([*engine, "--bundle", where, "bench-%d" % os.getpid()])
                if "imported" not in printed:
                    raise BenchError("the workload did not say that it ran")

            elapsed = _after_drop(start)
            run_command(["find", image.root, "-size", "+1T"])
            grown = proportional_memory(image.server_pid()) - before
            files = int(run_command(["sh", "-c", "find '%s' | wc -l" % self._workload.rootfs]))
            memory.append(grown / _MIB * _FILES / files)
        return elapsed

    def _import(self) -> "Iterator[Measurement]":
        podman = Podman(self._work)
        archive = self._workload.archive
        size = os.path.getsize(archive) / 1e6

        def ours(_: int) -> float:
            directory = self._directory()
            control = Control(os.path.join(directory, "control"), directory)
            try:
                start = time.perf_counter()
                control.import_image("docker-archive:" + archive)
                return size / (time.perf_counter() - start)
            finally:
                control.close()
                shutil.rmtree(directory, ignore_errors=True)

        def baseline(_: int) -> float:
            podman.forget()
            start = time.perf_counter()
            podman.load(archive)
            elapsed = time.perf_counter() - start
            podman.forget()
            return size / elapsed

        _read_speed(archive)
        values, baselines = interleave(max(1, self._rounds // 2), ours, baseline)
        note = "docker-archive of %.0f MB with the workload's image into an empty store; baseline: podman load"
        yield Measurement(
            "image.import_vs_podman_load",
            median(values),
            "MB/s",
            median(baselines),
            "higher",
            len(values),
            note % size,
        )


_IDS = {
    "_cold": ["image.cold_rtt%d_%s" % (ms, t) for ms in _ROUND_TRIPS for t in ("trace", "notrace")],
    "_second_container": ["image.second_container"],
    "_replay": ["image.replay_warm"],
    "_mount": ["image.mount_ms"],
    "_big": ["image.big_first", "image.big_reread", "image.big_mmap"],
    "_first_output": [
        "image.first_output_vs_podman",
        "image.first_output_vs_stargz",
        "image.imagefs_mib_per_image",
    ],
    "_import": ["image.import_vs_podman_load"],
}


def _run_inside(root: str) -> None:
    """The workload with this machine's /proc and /dev, to its end."""
    for name in ("proc", "dev"):
        bind("/" + name, "%s/%s" % (root, name))
    try:
        done = subprocess.run(
            ["chroot", root, *COMMAND],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            env={"PATH": "/usr/bin:/bin"},
            timeout=600,
            check=False,
        )
    finally:
        for name in ("dev", "proc"):
            unmount("%s/%s" % (root, name))
    if done.returncode != 0:
        raise BenchError("the workload: " + done.stderr.decode("utf-8", "replace")[-1000:])


def _replay(root: str, calls: str) -> float:
    replay = os.path.join(_CHECKOUT, "build", "bin", "replay")
    return int(run_command([replay, root, calls])) / 1e6


def _after_drop(call: "Callable[[], None]") -> float:
    drop_caches()
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _read_speed(path: str) -> float:
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
