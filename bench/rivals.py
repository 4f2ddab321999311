"""The same work by others: maps by Dask and by Celery with Redis, containers by crun and runc alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from argparse import ArgumentParser, Namespace
from typing import Callable, Iterator

from measurement import BenchError, Measurement, interleave, median
from own_burrowd import Daemon, find_burrowd

_BENCH = os.path.dirname(os.path.abspath(__file__))
_PYTHON = "/usr/bin/python3"  # Debian's, which finds Debian's packages
_RIVAL_SECONDS = 1200.0
_LAUNCH_SECONDS = 300.0
_MAPS = ("map.per_s_per_core", "map.vs_dask", "map.vs_celery")
_LAUNCHES = ("launch.vs_crun", "launch.vs_runc")
_RIVALS = {"dask": ("distributed", "python3-distributed"), "celery": ("celery", "python3-celery")}


def add_options(parser: ArgumentParser) -> None:
    """How much is measured."""
    parser.add_argument("--only", default="", metavar="TEXT", help="ids that contain this")
    parser.add_argument("--inputs", type=int, default=100000, help="inputs of a map")
    parser.add_argument("--containers", type=int, default=60, help="containers of a sample")
    parser.add_argument("--rounds", type=int, default=3, help="samples of launches")


def run(options: Namespace) -> "tuple[list[Measurement], str]":
    """Measures everything; gives the measurements and text for below the table."""
    sys.path[:0] = [os.path.join(os.path.dirname(_BENCH), "python"), os.path.join(_BENCH, "apps")]
    measured: "list[Measurement]" = []
    left_out: "list[str]" = []
    if any(options.only in one for one in _LAUNCHES):
        measured += _launches(options)
    if any(options.only in one for one in _MAPS):
        measured += _maps(options, left_out)
    return measured, "".join("left out: %s\n" % reason for reason in left_out)


def _launches(options: Namespace) -> "Iterator[Measurement]":
    with tempfile.TemporaryDirectory(prefix="burrow-bench-launch-") as work:
        rootfs = os.path.join(work, "rootfs")
        _make_rootfs(rootfs)
        for engine in ("crun", "runc"):
            for threads in (1, 2):
                yield _launch(options, work, rootfs, engine, threads)


def _make_rootfs(rootfs: str) -> None:
    busybox = shutil.which("busybox")
    if busybox is None:
        raise BenchError("busybox is not installed: apt-get install busybox-static")
    for name in ("bin", "proc", "dev", "sys", "etc"):
        os.makedirs(os.path.join(rootfs, name))
    shutil.copy(busybox, os.path.join(rootfs, "bin", "true"))


def _launch(options: Namespace, work: str, rootfs: str, engine: str, threads: int) -> Measurement:
    def per_second(side: str) -> float:
        command = [os.path.join(os.path.dirname(find_burrowd()), "launch"), "--side", side]
        directory = tempfile.mkdtemp(dir=work)
        command += ["--directory", directory, "--rootfs", rootfs]
        command += ["--count", str(options.containers), "--threads", str(threads)]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_LAUNCH_SECONDS, check=False
        )
        if done.returncode != 0:
            raise BenchError(done.stderr.strip() or "launch failed")
        return float(done.stdout)

    values, baselines = interleave(
        options.rounds, lambda _: per_second("burrow"), lambda _: per_second(engine)
    )
    note = (
        "hardened containers that run `true` to their end, %d at once; with overlay, network "
        "namespace and control group; baseline: `%s run` of the same configuration upon the bare "
        "tree, which makes namespace and group itself" % (threads, engine)
    )
    return Measurement(
        "launch.vs_%s%s" % (engine, "" if threads == 1 else "_%dway" % threads),
        median(values),
        "1/s",
        median(baselines),
        "higher",
        options.rounds,
        note,
    )


def _maps(options: Namespace, left_out: "list[str]") -> "Iterator[Measurement]":
    ours, grown = _burrow_map(options)
    cores = os.cpu_count() or 1
    note = ".map() of %d no-ops, each stored before it is acknowledged; control grew by %.0f MiB"
    note %= (options.inputs, grown)
    first = True
    for rival, (module, package) in _RIVALS.items():
        if not _has(module) or (rival == "celery" and shutil.which("redis-server") is None):
            left_out.append("map.vs_%s: apt-get install %s redis-server" % (rival, package))
            continue
        theirs = _rival_map(rival, options.inputs)
        baseline = "; baseline: the same by %s with %d worker processes" % (rival, cores)
        if first:
            yield Measurement(
                "map.per_s_per_core",
                ours / cores,
                "1/s",
                theirs / cores,
                "higher",
                1,
                note + baseline,
            )
            first = False
        yield Measurement("map.vs_" + rival, ours, "1/s", theirs, "higher", 1, note + baseline)


def _burrow_map(options: Namespace) -> "tuple[float, float]":
    """Inputs a second, and by how many MiB control grew meanwhile."""
    import noop
    from burrow._client.session import run_app

    with Daemon(find_burrowd(), options.state_dir) as daemon:
        with run_app(noop.app, None, None):
            noop.noop_mapped.for_each(range(options.inputs // 50))
            before = daemon.resident_mib("control")
            start = time.perf_counter()
            count = sum(1 for _ in noop.noop_mapped.map(range(options.inputs)))
            seconds = time.perf_counter() - start
            grown = daemon.resident_mib("control") - before
    if count != options.inputs:
        raise BenchError("a map of %d inputs gave %d outputs" % (options.inputs, count))
    return options.inputs / seconds, grown


def _has(module: str) -> bool:
    probe = [_PYTHON, "-c", "import " + module]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _rival_map(rival: str, inputs: int) -> float:
    script = os.path.join(_BENCH, "rival_%s.py" % rival)
    done = subprocess.run(
        [_PYTHON, script, str(inputs)],
        capture_output=True,
        text=True,
        timeout=_RIVAL_SECONDS,
        check=False,
    )
    if done.returncode != 0:
        raise BenchError("%s: %s" % (rival, done.stderr[-2000:]))
    return float(done.stdout.split()[-1])
