"""`--blob-store s3://...`: an image's content lies in S3, and is read from there through control."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Iterator

import pytest

from cold_reads import Contents, make_tree, read_cold
from conftest import require
from images import import_image, index_of
from processes import Control, sha256
from s3_server import CREDENTIALS, S3Server

CONTENTS: Contents = {"small-%d" % number: os.urandom(2_000) for number in range(50)}
CONTENTS.update({"large": os.urandom(300_000), "framed": os.urandom(6 << 20), "empty": b""})


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    if shutil.which("node") is None or not S3Server.installed():
        missing = "the S3 server is not installed: ./dev setup"
        if os.environ.get("CI") or os.environ.get("BURROW_CI"):
            pytest.fail(missing)  # where everything is tested, nothing may be left out unseen
        pytest.skip(missing)
    server = S3Server(tmp_path_factory.mktemp("s3") / "objects")
    server.start()
    yield server
    server.stop()


@pytest.fixture
def over_s3(s3: S3Server, tmp_path: Path) -> Iterator[Control]:
    location = s3.location(tmp_path.name)
    control = Control(tmp_path, "--blob-store", location, "--blob-grace", "0s", **CREDENTIALS)
    control.start()
    yield control
    control.stop()


def used_bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def test_an_image_is_read_cold_from_s3_also_by_the_next_control(
    over_s3: Control, s3: S3Server, tmp_path: Path, tier: str
) -> None:
    require(tier)
    before = sum(s3.objects().values())
    total = sum(map(len, CONTENTS.values()))
    index = index_of(over_s3, import_image(over_s3, make_tree(tmp_path / "tree", CONTENTS)))
    assert sum(s3.objects().values()) - before >= total, "random bytes lie there uncompressed"
    read_cold(over_s3, index, tmp_path / "first", tier, CONTENTS)
    over_s3.stop()
    assert used_bytes(over_s3.state) < total / 2, "control keeps no content itself"
    over_s3.start()
    read_cold(over_s3, index, tmp_path / "second", tier, CONTENTS)


def test_what_is_collected_goes_from_s3(over_s3: Control, s3: S3Server, tmp_path: Path) -> None:
    large = os.urandom(1 << 20)
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "large").write_bytes(large)
    image = import_image(over_s3, tmp_path / "tree")
    assert [name for name in s3.objects() if sha256(large) in name], s3.objects()
    assert over_s3.burrow("image", "rm", image).returncode == 0
    assert over_s3.burrow("system", "gc").returncode == 0
    assert not [name for name in s3.objects() if sha256(large) in name]
