"""Trees become images."""

from __future__ import annotations

import subprocess
from pathlib import Path

from processes import Control


def import_tree(control: Control, tree: Path, work: Path) -> str:
    """Makes an image of an unpacked tree; gives the digest of its index."""
    blobs = control.state / "control" / "blobs"
    done = subprocess.run(
        ["/tmp/bx/tool/import", str(tree), str(blobs)],
        check=True,
        stdout=subprocess.PIPE,
        timeout=300,
    )
    return done.stdout.decode().strip()
