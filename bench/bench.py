"""Runs one benchmark: prints a table, and with --json writes what it measured.

    /usr/bin/python3 bench/bench.py calls --json calls.json
"""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys

import build
import calls
import image
import rivals
from measurement import BenchError, table, write_json

BENCHMARKS = {"build": build, "calls": calls, "image": image, "rivals": rivals}


def main(arguments: "list[str]") -> int:
    """Exit code: 0, 1 for a failure, 2 for wrong usage."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGALRM, _out_of_time)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.alarm(options.time_limit)
    load = os.getloadavg()[0]
    try:
        measurements, appendix = options.benchmark.run(options)
    except (BenchError, OSError, _OutOfTime) as error:
        print("bench: %s" % error, file=sys.stderr)
        return 1
    finally:
        signal.alarm(0)
    print(machine(load))
    print(table(measurements))
    print(appendix, end="")
    if options.json:
        write_json(options.json, measurements)
    return 0


def machine(load_before: float) -> str:
    """The machine in a line, with its load before and after; figures mean nothing without it."""
    model = platform.machine()
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    return "%s, %d cores, Linux %s, load %.1f to %.1f, Python %s" % (
        model,
        os.cpu_count() or 1,
        platform.release(),
        load_before,
        os.getloadavg()[0],
        platform.python_version(),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench", description="Measures Burrow.")
    names = parser.add_subparsers(metavar="NAME", required=True)
    for name, module in BENCHMARKS.items():
        one = names.add_parser(name, help=module.__doc__)
        one.add_argument("--json", metavar="FILE", help="also write the measurements here")
        one.add_argument(
            "--state-dir",
            metavar="DIR",
            help="keep burrowd's state here, so that images stay built",
        )
        one.add_argument(
            "--time-limit", type=int, default=1800, metavar="SECONDS", help="give up after these"
        )
        module.add_options(one)
        one.set_defaults(benchmark=module)
    return parser


class _OutOfTime(BaseException):
    """The alarm rang. No Exception, so that nothing on the way takes it for a fault of its own."""


def _out_of_time(*_: object) -> None:
    raise _OutOfTime("the time limit is over; give more by --time-limit, or measure less")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
