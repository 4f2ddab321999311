"""Loading the index of an image of 100,000 files, which comes before its first mount on a node."""

from __future__ import annotations

import os
from typing import Iterator

from measurement import Measurement, interleave, median
from processes import run

INDEX_LOAD = "image.index_load_100k_ms"
_FILES = 100_000
_PROGRAM = os.path.join(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "build", "bin", "index_load"
)
_NOTE = (
    "index of %d files mapped, its SHA-256 and every offset checked (%.1f MB, %.0f bytes a file with "
    "its name); baseline: the same list parsed from JSON (%.1f MB)"
)


def index_load(directory: str, rounds: int) -> "Iterator[Measurement]":
    """Needs no image: the tree is made up."""
    run([_PROGRAM, "make", str(_FILES), directory])
    paths = {kind: os.path.join(directory, name) for kind, name in _FORMS.items()}

    def load(kind: str) -> float:
        return int(run([_PROGRAM, kind, paths[kind]])) / 1e6

    values, baselines = interleave(
        max(3, rounds * 4), lambda _: load("index"), lambda _: load("json")
    )
    index, text = (os.path.getsize(paths[kind]) for kind in ("index", "json"))
    note = _NOTE % (_FILES, index / 1e6, index / _FILES, text / 1e6)
    for path in paths.values():
        os.unlink(path)
    yield Measurement(
        INDEX_LOAD, median(values), "ms", median(baselines), "lower", len(values), note
    )


_FORMS = {"index": "index", "json": "list.json"}
