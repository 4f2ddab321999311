"""What building an image costs: one change, nothing changed, also of a recipe, twenty steps, four stages; against buildah."""

from __future__ import annotations

import os
import shutil
import tempfile
from argparse import ArgumentParser, Namespace
from typing import Callable

import build_workload as workload
from build_rivals import Buildah, Burrow
from measurement import BenchError, Measurement, interleave, median
from mounts import enter_own_namespace
from own_burrowd import Daemon, find_burrowd

_IDS = ("one_file", "touch_run", "unchanged", "recipe_unchanged", "twenty_steps", "four_stages")
_MOST_ROUNDS_ANEW = 5  # such a build takes buildah half a minute


def add_options(parser: ArgumentParser) -> None:
    """How much is measured; the defaults take some minutes."""
    parser.add_argument("--rounds", type=int, default=7, help="builds on each side")
    parser.add_argument("--only", default="", metavar="TEXT", help="ids that contain this")


def run(options: Namespace) -> "tuple[list[Measurement], str]":
    """Measures everything; gives the measurements and text for below the table."""
    if os.geteuid() != 0:
        raise BenchError("containers need root")
    enter_own_namespace()
    directory = tempfile.mkdtemp(prefix="burrow-bench-build-", dir=options.state_dir)
    state = os.path.join(options.state_dir, "burrowd") if options.state_dir else None
    try:
        with Daemon(find_burrowd(), state):
            buildah = Buildah(directory)
            try:
                return _measure(directory, buildah, options)
            finally:
                buildah.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _measure(
    directory: str, buildah: Buildah, options: Namespace
) -> "tuple[list[Measurement], str]":
    made = workload.Workload(directory)
    made.make()
    burrow = Burrow()
    for builder in (burrow, buildah):
        builder.add_image(made.small, workload.SMALL)
        builder.add_image(made.large, workload.LARGE)
    buildah.choose_isolation(made.context("warm-up", workload.touch_run("first")))
    sides = Sides(made, burrow, buildah, options.rounds)
    measured = [getattr(sides, name)() for name in _IDS if options.only in "build." + name]
    return measured, "buildah: isolation %s, overlay, --layers, --jobs=4\n" % buildah.isolation


class Sides:
    """Each method measures one id. Each side has a context of its own, changed in the same way."""

    def __init__(
        self, made: workload.Workload, burrow: Burrow, buildah: Buildah, rounds: int
    ) -> None:
        self._made, self._burrow, self._buildah, self._rounds = made, burrow, buildah, rounds

    def one_file(self) -> Measurement:
        def change(context: str, mark: str) -> None:
            workload.write(os.path.join(context, "app", "module7.py"), "VALUE = %r\n" % mark)

        note = "a file of the context changed; it is copied into an image of %d files"
        return self._changing("one_file", workload.one_file(), change, note % workload.FILES)

    def touch_run(self) -> Measurement:
        def change(context: str, mark: str) -> None:
            workload.write(os.path.join(context, "Dockerfile"), workload.touch_run(mark))

        note = "a RUN that no cache knows changes one of %d files" % workload.FILES
        return self._changing("touch_run", workload.touch_run("start"), change, note)

    def unchanged(self) -> Measurement:
        note = "everything is cached: COPY, two RUN, ENV upon %d files" % workload.FILES
        return self._changing("unchanged", workload.unchanged(), lambda context, mark: None, note)

    def recipe_unchanged(self) -> Measurement:
        context = self._made.recipe_context("recipe")
        self._burrow.build_recipe(context)
        self._buildah.build(context)
        values, baselines = interleave(
            self._rounds,
            lambda number: self._burrow.build_recipe(context),
            lambda number: self._buildah.build(context),
        )
        note = "a recipe of %d steps through the SDK, all cached; for buildah a Dockerfile"
        note %= workload.RECIPE_STEPS
        return _measurement(
            "recipe_unchanged", median(values), median(baselines), self._rounds, note
        )

    def twenty_steps(self) -> Measurement:
        return self._anew("twenty_steps", *workload.twenty_steps())

    def four_stages(self) -> Measurement:
        return self._anew("four_stages", *workload.four_stages())

    def _changing(
        self, name: str, dockerfile: str, change: "Callable[[str, str], None]", note: str
    ) -> Measurement:
        """Builds after a change; what went before is cached on both sides."""
        ours = self._made.context(name + "-burrow", dockerfile)
        theirs = self._made.context(name + "-buildah", dockerfile)
        self._burrow.build(ours)
        self._buildah.build(theirs)

        def burrow(number: int) -> float:
            change(ours, "round %d" % number)
            return self._burrow.build(ours)

        def buildah(number: int) -> float:
            change(theirs, "round %d" % number)
            return self._buildah.build(theirs)

        values, baselines = interleave(self._rounds, burrow, buildah)
        return _measurement(name, median(values), median(baselines), self._rounds, note)

    def _anew(self, name: str, dockerfile: str, groups: "list[list[str]]") -> Measurement:
        """Builds without a cache; the commands' own time is taken out of both sides."""
        context = self._made.context(name, dockerfile)
        self._burrow.build(context)
        self._buildah.build(context)
        own = median([self._made.own_time(groups) for _ in range(3)])
        rounds = min(self._rounds, _MOST_ROUNDS_ANEW)
        values, baselines = interleave(
            rounds,
            lambda number: self._burrow.build(context, anew=True),
            lambda number: self._buildah.build(context, anew=True),
        )
        value, baseline = median(values), median(baselines)
        note = "%.0f and %.0f ms, without the %.0f ms that the commands take under chroot alone"
        note %= (value, baseline, own)
        if own >= baseline:
            raise BenchError(
                "build.%s: the commands alone take longer than buildah: %s" % (name, note)
            )
        return _measurement(name, max(value - own, 0.0), baseline - own, rounds, note)


def _measurement(name: str, value: float, baseline: float, rounds: int, note: str) -> Measurement:
    return Measurement("build." + name, value, "ms", baseline, "lower", rounds, note)
