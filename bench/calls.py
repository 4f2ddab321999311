"""What a call costs: warm, cold, by the thousand, and from an edit to its output."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from argparse import ArgumentParser, Namespace
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Any, Callable, Iterable, Iterator

from forked_starts import forked_starts
from own_burrowd import Daemon, find_burrowd
from measurement import (
    BenchError,
    Measurement,
    interleave,
    median,
    percentile,
    phases_of,
    waterfall,
)
from plain_container import PlainContainers
from large_values import result_1gib
from log_followers import followers_1000
from swapping import serve_swap

_BENCH = os.path.dirname(os.path.abspath(__file__))
_CHECKOUT = os.path.dirname(_BENCH)
_CLIENTS = 8  # at once, where several call
_BLOCK = 20  # warm calls of one side before the other's turn
_RUN_SECONDS = 120.0


def add_options(parser: ArgumentParser) -> None:
    """How much is measured; the defaults take a few minutes."""
    parser.add_argument("--warm-rounds", type=int, default=10, help="rounds of warm calls")
    parser.add_argument("--warm-calls", type=int, default=200, help="calls in each round")
    parser.add_argument("--cold-calls", type=int, default=15, help="containers started")
    parser.add_argument("--map-rounds", type=int, default=5, help="maps on each side")
    parser.add_argument("--map-inputs", type=int, default=10000, help="inputs of one map")
    parser.add_argument("--edits", type=int, default=9, help="runs after an edit")
    parser.add_argument("--results", type=int, default=3, help="results of 1 GiB")
    parser.add_argument("--log-rounds", type=int, default=5, help="calls whose output many follow")
    parser.add_argument("--only", default="", help="ids that contain this text")


def run(options: Namespace) -> "tuple[list[Measurement], str]":
    """Measures everything; gives the measurements and text for below the table."""
    sys.path[:0] = [os.path.join(_CHECKOUT, "python"), os.path.join(_BENCH, "apps")]
    import burrow

    try:
        with Daemon(find_burrowd(), options.state_dir):
            return _measure(options)
    except burrow.Error as error:
        raise BenchError(str(error)) from error


def _measure(options: Namespace) -> "tuple[list[Measurement], str]":
    _warm_image()
    measurements: "list[Measurement]" = []
    below: "list[str]" = []
    for ids, measure in _parts(options, below).items():
        if options.only in ids:
            measurements += [one for one in measure() if options.only in one.id]
    return measurements, "\n".join(below)


def _parts(
    options: Namespace, below: "list[str]"
) -> "dict[str, Callable[[], Iterable[Measurement]]]":
    """What is measured, by the ids that come of it. What is to be said besides goes into `below`."""

    def cold() -> "list[Measurement]":
        measured, phases = _cold(options.cold_calls)
        below.append(waterfall(phases))
        return [measured]

    def fork() -> "list[Measurement]":
        measured, phases = forked_starts(options.cold_calls)
        below.append("as a fork: " + waterfall(phases))
        return [measured]

    return {
        "calls.warm_p50_ms calls.warm_p99_ms": lambda: _warm(
            options.warm_rounds, options.warm_calls
        ),
        "calls.warm_p50_ms_c8 calls.warm_p99_ms_c8": lambda: _warm_by_many(
            options.warm_rounds, options.warm_calls
        ),
        "calls.cold_local_ms": cold,
        "calls.cold_fork_ms": fork,
        "calls.map_per_s": lambda: [_map(options.map_rounds, options.map_inputs)],
        "loop.edit_to_output_ms": lambda: [_edit_to_output(options.edits)],
        "loop.serve_swap_ms": lambda: [serve_swap(options.edits)],
        "calls.result_1gib_mib_per_s": lambda: [result_1gib(options.results)],
        "logs.followers_1000": lambda: [followers_1000(options.log_rounds)],
    }


def _noop(value: object = None) -> None:
    """The baseline's function: what `noop` of the app does."""


@contextmanager
def _pool(processes: int) -> "Iterator[ProcessPoolExecutor]":
    """Worker processes of the standard library, started and warm. Spawned: the SDK has threads."""
    with ProcessPoolExecutor(processes, get_context("spawn")) as pool:
        list(pool.map(_noop, range(processes * 50)))
        yield pool


@contextmanager
def _running_app(observe: "Callable[[str, dict[str, Any]], None] | None" = None) -> "Iterator[Any]":
    """The module of the no-op app while it runs; `observe` is told of each finished call."""
    import noop
    from burrow._client.session import run_app

    with run_app(noop.app, None, observe):
        yield noop


def _warm_image() -> None:
    """Builds the image, which takes a while the first time, and fills the page cache."""
    with _running_app() as app:
        app.noop.remote()


def _milliseconds(call: "Callable[[], Any]") -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1000


def _warm(rounds: int, calls: int) -> "list[Measurement]":
    ours: "list[list[float]]" = [[] for _ in range(rounds)]
    plain: "list[list[float]]" = [[] for _ in range(rounds)]
    with _pool(1) as pool, _running_app() as app:
        for _ in range(50):
            app.noop.remote()
        for number in range(rounds):
            while len(ours[number]) < calls:
                for _ in range(min(_BLOCK, calls - len(ours[number]))):
                    ours[number].append(_milliseconds(app.noop.remote))
                for _ in range(min(_BLOCK, calls - len(plain[number]))):
                    plain[number].append(_milliseconds(lambda: pool.submit(_noop).result()))
    return [_warm_measurement(p, ours, plain) for p in (50, 99)]


def _warm_by_many(rounds: int, calls: int) -> "list[Measurement]":
    """As _warm, by several clients at once: threads of this process, on both sides."""
    ours: "list[list[float]]" = []
    plain: "list[list[float]]" = []

    def by_all(call: "Callable[[], Any]") -> "list[float]":
        taken: "list[float]" = []

        def client() -> None:
            taken.extend([_milliseconds(call) for _ in range(calls // _CLIENTS)])

        threads = [threading.Thread(target=client) for _ in range(_CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return taken

    with _pool(os.cpu_count() or 1) as pool, _running_app() as app:
        by_all(app.noop.remote)
        for _ in range(rounds):
            ours.append(by_all(app.noop.remote))
            plain.append(by_all(lambda: pool.submit(_noop).result()))
    return [_warm_measurement(p, ours, plain, _CLIENTS) for p in (50, 99)]


def _warm_measurement(
    percent: int, ours: "list[list[float]]", plain: "list[list[float]]", clients: int = 1
) -> Measurement:
    value, baseline = (
        median([percentile(calls, percent / 100) for calls in side]) for side in (ours, plain)
    )
    return Measurement(
        id="calls.warm_p%d_ms%s" % (percent, "" if clients == 1 else "_c%d" % clients),
        value=value,
        unit="ms",
        baseline=baseline,
        better="lower",
        n=sum(len(calls) for calls in ours),
        note="no-op .remote() in a warm container, %d client%s; baseline: no-op through the workers "
        "of a ProcessPoolExecutor; each the median of %d rounds' p%d"
        % (clients, "" if clients == 1 else "s at once", len(ours), percent),
    )


def _cold(calls: int) -> "tuple[Measurement, list[dict[str, float]]]":
    recorded: "list[dict[str, float]]" = []

    def observe(_: str, result: "dict[str, Any]") -> None:
        if result.get("cold"):
            recorded.append(phases_of(result))

    def ours(_: int) -> float:
        with _running_app(observe) as app:  # a new app has no container yet
            return _milliseconds(app.noop.remote)

    with PlainContainers() as containers:
        containers.run()
        values, baselines = interleave(calls, ours, lambda _: containers.run())
    if len(recorded) != calls:
        raise BenchError("%d of %d first calls were cold" % (len(recorded), calls))
    note = (
        "first call of a new container, image local, from .remote() to its value; baseline: overlay "
        "over this machine's root and 'crun run' of 'python3 -c pass', until it has ended"
    )
    cold = Measurement(
        "calls.cold_local_ms", median(values), "ms", median(baselines), "lower", calls, note
    )
    return cold, recorded


def _map(rounds: int, inputs: int) -> Measurement:
    processes = os.cpu_count() or 1

    def per_second(run_map: "Callable[[], Any]") -> float:
        start = time.perf_counter()
        count = sum(1 for _ in run_map())
        if count != inputs:
            raise BenchError("a map of %d inputs gave %d outputs" % (inputs, count))
        return inputs / (time.perf_counter() - start)

    with _pool(processes) as pool, _running_app() as app:
        app.noop_mapped.for_each(range(max(1, inputs // 10)))
        values, baselines = interleave(
            rounds,
            lambda _: per_second(lambda: app.noop_mapped.map(range(inputs))),
            lambda _: per_second(lambda: pool.map(_noop, range(inputs), chunksize=1)),
        )
    note = (
        ".map() of %d no-ops, containers warm; baseline: ProcessPoolExecutor(%d).map, chunksize 1"
        % (
            inputs,
            processes,
        )
    )
    return Measurement(
        "calls.map_per_s", median(values), "1/s", median(baselines), "higher", rounds, note
    )


def _edit_to_output(edits: int) -> Measurement:
    with tempfile.TemporaryDirectory(prefix="burrow-bench-edit-") as directory:
        script, plain = os.path.join(directory, "edited.py"), os.path.join(directory, "plain.py")
        with open(os.path.join(_BENCH, "apps", "edited.py"), encoding="utf-8") as file:
            source = file.read()
        burrow = [os.path.join(_CHECKOUT, "bin", "burrow"), "run", script]

        def ours(number: int) -> float:
            line = "edited %d" % number
            return _until_printed(script, source.replace("edited 0", line), burrow, line)

        def baseline(number: int) -> float:
            line = "edited %d" % number
            command = [sys.executable, plain]
            return _until_printed(plain, "print(%r, flush=True)\n" % line, command, line)

        ours(1000)
        baseline(1000)
        values, baselines = interleave(edits, ours, baseline)
    return Measurement(
        id="loop.edit_to_output_ms",
        value=median(values),
        unit="ms",
        baseline=median(baselines),
        better="lower",
        n=edits,
        note="script saved with another line to print, then 'burrow run' until that line, printed "
        "in a container, is on our stdout; baseline: 'python3 script.py' printing it here",
    )


def _until_printed(path: str, source: str, command: "list[str]", line: str) -> float:
    """Saves the source and runs the command; milliseconds until it printed the line."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(source)
    start = time.perf_counter()
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        killer = threading.Timer(_RUN_SECONDS, process.kill)
        killer.start()
        errors: "list[str]" = []
        assert process.stdout is not None and process.stderr is not None
        stderr = process.stderr
        reader = threading.Thread(target=lambda: errors.append(stderr.read()), daemon=True)
        reader.start()
        elapsed = None
        for text in process.stdout:
            if elapsed is None and text.rstrip("\n") == line:
                elapsed = (time.perf_counter() - start) * 1000
        process.wait()
        reader.join()
        killer.cancel()
    if elapsed is None or process.returncode != 0:
        raise BenchError(
            "%s ended with %d%s: %s"
            % (
                " ".join(command),
                process.returncode,
                "" if elapsed else " without its line",
                errors[0][-2000:],
            )
        )
    return elapsed
