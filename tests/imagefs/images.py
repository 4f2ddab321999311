"""Trees become images."""

from __future__ import annotations

import contextlib
import os
import re
import sqlite3
import subprocess
from pathlib import Path

from processes import ROOT, Control


def import_tree(control: Control, tree: Path) -> str:
    """Makes an image of an unpacked tree; gives the digest of its index."""
    environment = {**os.environ, "BURROW_URL": control.url, "BURROW_TOKEN": control.client_token}
    done = subprocess.run(
        [str(ROOT / "bin" / "burrow"), "image", "import", str(tree)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return index_of(control.state / "control" / "burrow.db", done.stdout.split()[0])


def index_of(database: Path, image: str) -> str:
    """Digest of the index of an image, which is no part of the API."""
    with contextlib.closing(sqlite3.connect(str(database))) as connection:
        rows = connection.execute("SELECT image FROM images WHERE id = ?", (image,)).fetchall()
    digest = re.search(rb"[0-9a-f]{64}", rows[0][0])
    assert digest, rows
    return digest.group().decode()
