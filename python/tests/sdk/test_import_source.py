from __future__ import annotations

from pathlib import Path

import pytest

from burrow.cli.import_source import parse_source
from burrow.exception import InvalidError


def test_rootfs_is_a_tree_whatever_it_holds(tmp_path: Path) -> None:
    (tmp_path / "oci-layout").write_text("{}")
    (tmp_path / "tree:1.tar").write_text("")
    assert parse_source(str(tmp_path)).kind == "ARCHIVE_KIND_OCI"
    assert parse_source("rootfs:%s" % tmp_path).kind == "ARCHIVE_KIND_ROOTFS"
    source = parse_source("rootfs:%s/tree:1.tar" % tmp_path)
    assert (source.path, source.kind, source.tag) == (
        str(tmp_path / "tree:1.tar"),
        "ARCHIVE_KIND_ROOTFS",
        "",
    )


def test_a_path_alone_is_what_its_members_say(tmp_path: Path) -> None:
    (tmp_path / "some.tar").write_text("")
    assert parse_source(str(tmp_path / "some.tar")).kind == ""


def test_a_rootfs_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InvalidError, match="no file %s/none" % tmp_path):
        parse_source("rootfs:%s/none" % tmp_path)
