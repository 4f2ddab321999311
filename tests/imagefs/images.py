"""Trees become images."""

from __future__ import annotations

import json
from pathlib import Path

from processes import Control


def import_image(control: Control, source: Path) -> str:
    """Makes an image of a directory or an archive; gives its id."""
    done = control.burrow("image", "import", str(source))
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[0]


def import_tree(control: Control, tree: Path) -> str:
    """Makes an image of an unpacked tree; gives the digest of its index."""
    return index_of(control, import_image(control, tree))


def index_of(control: Control, image: str) -> str:
    """Digest of the index of an image."""
    done = control.burrow("image", "inspect", image)
    assert done.returncode == 0, done.stderr
    digest: str = json.loads(done.stdout)["indexDigest"]
    return digest
