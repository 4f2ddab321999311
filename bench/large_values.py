"""How fast a result of 1 GiB comes from a container to its caller."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Callable

from measurement import BenchError, Measurement, interleave, median

_MIB = 1024


def _zeros(mib: int) -> bytes:
    """The baseline's function: what `zeros` of the app does."""
    return bytes(mib << 20)


def result_1gib(results: int) -> Measurement:
    """Needs a burrowd that the environment names."""
    import large
    from burrow._client.session import run_app

    def per_second(get: "Callable[[], Any]") -> float:
        start = time.perf_counter()
        value = get()
        taken = time.perf_counter() - start
        if len(value) != _MIB << 20:
            raise BenchError("a result of %d MiB came as %d bytes" % (_MIB, len(value)))
        return _MIB / taken

    with ProcessPoolExecutor(1, get_context("spawn")) as pool, run_app(large.app, None, None):
        large.zeros.remote(2)
        pool.submit(_zeros, 2).result()
        values, baselines = interleave(
            results,
            lambda _: per_second(lambda: large.zeros.remote(_MIB)),
            lambda _: per_second(lambda: pool.submit(_zeros, _MIB).result()),
        )
    return Measurement(
        id="calls.result_1gib_mib_per_s",
        value=median(values),
        unit="MiB/s",
        baseline=median(baselines),
        better="higher",
        n=results,
        note="bytes of 1 GiB returned by .remote(): pickled, stored under their SHA-256, fetched, verified; "
        "baseline: through the pipe of a ProcessPoolExecutor(1)",
    )
