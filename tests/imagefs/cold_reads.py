"""A tree of files to import, and all of it read from a mount whose cache is empty."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict

from processes import Control, Mounted, Reader, sha256

ENOUGH_S = 90.0
Contents = Dict[str, bytes]


def make_tree(root: Path, contents: Contents) -> Path:
    root.mkdir()
    for name, content in contents.items():
        (root / name).write_bytes(content)
    return root


def read_cold(control: Control, index: str, directory: Path, tier: str, expected: Contents) -> None:
    """Checks each file; `directory` is for the mount, and new."""
    mounted = Mounted(directory, control.url, control.worker_token, index, tier)
    mounted.start()
    try:
        names = sorted(expected)
        assert sorted(os.listdir(mounted.root)) == names
        reader = Reader(*[mounted.root / name for name in names])
        assert reader.outcomes(ENOUGH_S) == [sha256(expected[name]) for name in names]
    finally:
        mounted.stop()
