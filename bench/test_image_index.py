"""The program that loads indexes reads what it made, and the list of the same files."""

import os
import subprocess
from pathlib import Path

import pytest

from image_index import _PROGRAM


@pytest.mark.skipif(not os.path.exists(_PROGRAM), reason="it is not built")
def test_an_index_and_its_list_are_made_and_loaded(tmp_path: Path) -> None:
    subprocess.run([_PROGRAM, "make", "1000", str(tmp_path)], check=True, timeout=60)
    for kind, name in (("index", "index"), ("json", "list.json")):
        done = subprocess.run(
            [_PROGRAM, kind, str(tmp_path / name)], stdout=subprocess.PIPE, check=True, timeout=60
        )
        assert int(done.stdout) > 0
    assert (tmp_path / "index").stat().st_size < 1000 * (100 + len("module_00.py")) + 2000
    (tmp_path / "index").write_bytes(b"no index")
    assert subprocess.run([_PROGRAM, "index", str(tmp_path / "index")], timeout=60).returncode == 1
