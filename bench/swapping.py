"""How long a saved file takes until calls run its new code, while `burrow serve` has it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from typing import Any, Iterator

from measurement import BenchError, Measurement, interleave, median

_BENCH = os.path.dirname(os.path.abspath(__file__))
_BURROW = os.path.join(os.path.dirname(_BENCH), "bin", "burrow")
_DEADLINE_S = 60.0


def serve_swap(edits: int) -> Measurement:
    """Needs a burrowd that the environment names."""
    with open(os.path.join(_BENCH, "apps", "served.py"), encoding="utf-8") as file:
        source = file.read()
    with tempfile.TemporaryDirectory(prefix="burrow-bench-serve-") as directory:
        script, plain = os.path.join(directory, "served.py"), os.path.join(directory, "plain.py")
        _save(script, source)
        with _serving(script) as show:
            values, baselines = interleave(
                edits,
                lambda number: _until_answered(script, source, show, "edited %d" % (number + 1)),
                lambda number: _until_printed(plain, "edited %d" % number),
            )
    return Measurement(
        id="loop.serve_swap_ms",
        value=median(values),
        unit="ms",
        baseline=median(baselines),
        better="lower",
        n=edits,
        note="file of a served app saved, until a call of another client is answered by the new code; "
        "baseline: 'python3 script.py' printing a line of the saved file here",
    )


@contextmanager
def _serving(script: str) -> "Iterator[Any]":
    """Gives the function once it has answered."""
    import burrow

    command = [_BURROW, "serve", "--quiet", script]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        stderr = process.stderr
        try:
            first = stderr.readline().decode()
            if not first.startswith("serving "):
                raise BenchError("burrow serve said %r" % (first + stderr.read().decode()[-2000:]))
            reader = threading.Thread(target=stderr.read, daemon=True)
            reader.start()
            show = burrow.Function.from_name("bench-served", "show")
            show.remote()
            yield show
        finally:
            process.terminate()
            process.wait(_DEADLINE_S)


def _until_answered(script: str, source: str, show: "Any", wanted: str) -> float:
    _save(script, source.replace("edited 0", wanted))
    start = time.perf_counter()
    while show.remote() != wanted:
        if time.perf_counter() - start > _DEADLINE_S:
            raise BenchError("the saved file was not swapped")
    return (time.perf_counter() - start) * 1000


def _until_printed(path: str, line: str) -> float:
    _save(path, "print(%r)\n" % line)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, timeout=60)
    if done.stdout != line + "\n":
        raise BenchError("the baseline said %r" % done.stdout)
    return (time.perf_counter() - start) * 1000


def _save(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
