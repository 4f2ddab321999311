"""Against other engines: the way from a registry to the first output, memory, and loading an archive."""

from __future__ import annotations

import os
import shutil
import time
from typing import Iterator

from burrow_images import Control
from image_big_file import read_speed
from image_samples import Samples, milliseconds_after_drop
from image_workload import COMMAND, bundle
from measurement import BenchError, Measurement, interleave, median
from other_engines import Podman, Registry, Stargz
from processes import proportional_memory, run

_MIB = 1 << 20
_FILES = 30_000  # of the image that memory is told for
_NOTE = (
    "never-seen image to the workload's output in a container, caches dropped, hot set known; "
    "baseline: %s, from a registry on this machine"
)


def first_output(samples: Samples) -> "Iterator[Measurement]":
    """Against podman and, where it can be built, stargz-snapshotter; and the memory of both lazy ones."""
    registry = Registry(_registry_directory(samples), samples.work)
    podman = Podman(samples.work)
    stargz = _stargz(samples, registry)
    ours: "list[float]" = []
    pulled: "list[float]" = []
    lazy: "list[float]" = []
    our_memory: "list[float]" = []
    lazy_memory: "list[float]" = []
    rounds = max(1, samples.rounds // 2)
    try:
        for _ in range(rounds):
            elapsed, grown = _burrow(samples)
            ours.append(elapsed)
            our_memory.append(grown)
            podman.forget()
            plain = registry.reference("1")
            pulled.append(milliseconds_after_drop(lambda: podman.pull_and_run(plain)))
            podman.forget()
            if stargz:
                elapsed, grown = _lazily(stargz, registry.reference("lazy"))
                lazy.append(elapsed)
                lazy_memory.append(grown)
    finally:
        podman.forget()
        if stargz:
            stargz.stop()
        registry.close()
    rivals = [("podman", pulled, "podman pull and podman run")]
    rivals += [("stargz", lazy, "containerd with stargz-snapshotter, image optimized for it")]
    for name, baseline, what in rivals:
        if baseline:
            yield Measurement(
                "image.first_output_vs_" + name,
                median(ours),
                "ms",
                median(baseline),
                "lower",
                rounds,
                _NOTE % what,
            )
    if lazy_memory:
        yield Measurement(
            "image.imagefs_mib_per_image",
            median(our_memory),
            "MiB",
            median(lazy_memory),
            "lower",
            rounds,
            "growth of imagefs by an image of %d files, every name looked at; baseline: growth of "
            "stargz-snapshotter by the workload's run" % _FILES,
        )


def archive(samples: Samples) -> "Iterator[Measurement]":
    """Loading what `docker save` writes."""
    podman = Podman(samples.work)
    path = samples.workload.archive
    megabytes = os.path.getsize(path) / 1e6

    def ours(_: int) -> float:
        directory = samples.directory()
        control = Control(os.path.join(directory, "control"), directory)
        try:
            start = time.perf_counter()
            control.import_image("docker-archive:" + path)
            return megabytes / (time.perf_counter() - start)
        finally:
            control.close()
            shutil.rmtree(directory, ignore_errors=True)

    def baseline(_: int) -> float:
        podman.forget()
        start = time.perf_counter()
        podman.load(path)
        elapsed = time.perf_counter() - start
        podman.forget()
        return megabytes / elapsed

    read_speed(path)  # the archive is in the page cache for both
    values, baselines = interleave(max(1, samples.rounds // 2), ours, baseline)
    note = "docker-archive of %.0f MB with the workload's image into an empty store; baseline: podman load"
    yield Measurement(
        "image.import_vs_podman_load",
        median(values),
        "MB/s",
        median(baselines),
        "higher",
        len(values),
        note % megabytes,
    )


def _burrow(samples: Samples) -> "tuple[float, float]":
    """Milliseconds to the first output, and MiB by which imagefs grew."""
    directory = samples.directory()
    say = (*COMMAND[:2], COMMAND[2] + "; print('imported', flush=True)")
    engine = ["crun", "--cgroup-manager=disabled", "--root", directory + "/crun", "run"]
    with samples.node(hot_set=samples.hot_set) as image:
        where = bundle(directory + "/bundle", image.root, say)
        before = proportional_memory(image.server_pid())

        def start() -> None:
            image.mount()
            printed = run([*engine, "--bundle", where, "bench-%d" % os.getpid()])
            if "imported" not in printed:
                raise BenchError("the workload did not say that it ran")

        elapsed = milliseconds_after_drop(start)
        files = len(run(["find", image.root, "-size", "-1000G", "-printf", "."]))
        grown = proportional_memory(image.server_pid()) - before
    shutil.rmtree(directory, ignore_errors=True)
    return elapsed, grown / _MIB * _FILES / files


def _lazily(stargz: Stargz, reference: str) -> "tuple[float, float]":
    stargz.start_empty()
    before = stargz.memory()
    elapsed = milliseconds_after_drop(lambda: stargz.pull_and_run(reference))
    grown = stargz.memory() - before
    stargz.stop()
    return elapsed, grown / _MIB


def _registry_directory(samples: Samples) -> str:
    """Of a registry that has the workload; its lazy form is added where it can be made."""
    directory = os.path.join(samples.keep, "registry")
    if not os.path.exists(directory + ".done"):
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        registry = Registry(directory, samples.work)
        try:
            target = "docker://" + registry.reference("1")
            source = "oci:%s:w" % samples.workload.layout
            run(["skopeo", "copy", "--dest-tls-verify=false", source, target])
        finally:
            registry.close()
        with open(directory + ".done", "w", encoding="ascii"):
            pass
    return directory


def _stargz(samples: Samples, registry: Registry) -> "Stargz | None":
    try:
        stargz = Stargz(samples.keep, samples.work)
        converted = os.path.join(samples.keep, "lazy.done")
        if not os.path.exists(converted):
            stargz.convert(registry.reference("1"), registry.reference("lazy"))
            with open(converted, "w", encoding="ascii"):
                pass
        return stargz
    except BenchError as error:
        samples.left_out.append("image.first_output_vs_stargz: %s" % error)
        return None
