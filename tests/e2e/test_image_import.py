"""Images come in from archives, directories and registries as they are."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Dict

import pytest

from daemon import Daemon, Run
from real_images import PACKAGES, add_pax_layer, differences, run, unpack, walk
from registries import DockerRegistry
from transfers import exported, import_image, index_of, mounted, needs

Image = Dict[str, Path]


@pytest.mark.parametrize("name", PACKAGES)
def test_a_real_image_is_what_umoci_unpacks_of_it(
    burrow: Run, layouts: Image, tmp_path: Path, name: str
) -> None:
    image = import_image(burrow, "oci:%s:latest" % layouts[name], "--name", name)
    expected = walk(unpack("%s:latest" % layouts[name], tmp_path / "expected"))
    assert len(expected) > 300
    assert differences(expected, walk(exported(burrow, image, tmp_path))) == []
    assert name in burrow("image", "ls").stdout


@pytest.mark.parametrize("image_fs", ["auto", "fuse"])
@pytest.mark.parametrize("name", PACKAGES)
def test_a_mounted_image_is_what_umoci_unpacks_of_it(
    daemon: Daemon, layouts: Image, tmp_path: Path, name: str, image_fs: str
) -> None:
    layout = "%s:latest" % layouts[name]
    expected = walk(unpack(layout, tmp_path / "expected"))
    index = index_of(daemon, import_image(daemon.burrow, "oci:" + layout))
    with mounted(daemon, index, tmp_path, image_fs) as root:
        assert differences(expected, walk(root)) == []


@pytest.mark.parametrize("image_fs", ["auto", "fuse"])
def test_opaque_directories_nanoseconds_and_names_of_any_bytes_are_what_umoci_unpacks(
    daemon: Daemon, layouts: Image, tmp_path: Path, image_fs: str
) -> None:
    layout = "%s:latest" % add_pax_layer(layouts["shell"], tmp_path)
    expected = walk(unpack(layout, tmp_path / "expected"))
    assert b"bytes/caf\xe9 \xff" in expected and b"odd/behind it" in expected
    assert b"odd/setuid" not in expected and b"etc/issue" not in expected
    image = import_image(daemon.burrow, "oci:" + layout)
    with mounted(daemon, index_of(daemon, image), tmp_path, image_fs) as root:
        assert differences(expected, walk(root)) == []
    assert differences(expected, walk(exported(daemon.burrow, image, tmp_path))) == []


def test_every_way_in_leads_to_the_same_image(
    burrow: Run, layouts: Image, tmp_path: Path, registry: DockerRegistry
) -> None:
    layout = "%s:latest" % layouts["shell"]
    docker, oci = tmp_path / "docker.tar", tmp_path / "oci.tar"
    run("skopeo", "copy", "--insecure-policy", "oci:" + layout, "docker-archive:%s:x:y" % docker)
    run("skopeo", "copy", "--insecure-policy", "oci:" + layout, "oci-archive:%s:tag" % oci)
    run("gzip", "-k", str(docker))
    registry.push(layout, "team/shell:1")
    sources = (
        "oci:" + layout,
        str(docker),
        "docker-archive:%s:x:y" % docker,
        str(docker) + ".gz",
        str(oci),
        "oci:%s:tag" % oci,
        "docker://%s/team/shell:1" % registry.host,
        "%s/team/shell:1" % registry.host,
    )
    ids = {source: import_image(burrow, source) for source in sources}
    assert len(set(ids.values())) == 1, ids


def test_a_directory_comes_in_with_everything_that_lstat_tells(burrow: Run, tmp_path: Path) -> None:
    needs("umoci")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"content")
    os.utime(tree / "file", ns=(0, 1_234_567_890_123_456_789))
    os.link(tree / "file", tree / "link")
    (tree / os.fsdecode(b"not \xff utf-8")).write_text("x")
    os.symlink(os.fsdecode(b"\xfe"), tree / "symlink")
    os.mkfifo(tree / "fifo")
    os.setxattr(tree / "file", "user.note", b"\0\xff")
    os.chmod(tree / "file", 0o4711)
    (tree / "dir").mkdir(mode=0o700)
    image = import_image(burrow, str(tree))
    archive = tmp_path / "again.tar"
    assert burrow("image", "export", image, str(archive)).returncode == 0
    layout, again = tmp_path / "layout", tmp_path / "again"
    layout.mkdir()
    again.mkdir()
    run("tar", "-xf", str(archive), "-C", str(layout))
    (largest,) = sorted((layout / "blobs/sha256").iterdir(), key=lambda p: -p.stat().st_size)[:1]
    run("tar", "-xpf", str(largest), "--xattrs", "--xattrs-include=*", "-C", str(again))
    assert differences(walk(tree), walk(again)) == []


@pytest.mark.parametrize("form", ["directory", "tar", "tar.gz"])
def test_a_tree_that_looks_like_an_archive_comes_in_as_a_tree(
    daemon: Daemon, tmp_path: Path, form: str
) -> None:
    tree = tmp_path / "tree"
    (tree / "dir").mkdir(parents=True)
    for name in (
        "manifest.json",
        "oci-layout",
        "kept",
        ".wh.kept",
        "dir/.wh..wh..opq",
        "dir/.wh.x",
    ):
        (tree / name).write_text("the content of " + name)
    expected = walk(tree)
    if form == "directory":
        source = tree
    else:
        source = tmp_path / form
        run("tar", "--format=posix", "-caf", str(source), "-C", str(tree), ".")
        refused = daemon.burrow("image", "import", str(source))
        assert refused.returncode == 1 and "manifest.json" in refused.stderr
    image = import_image(daemon.burrow, "rootfs:%s" % source)
    with mounted(daemon, index_of(daemon, image), tmp_path, "auto") as root:
        assert differences(expected, walk(root)) == []
    refused = daemon.burrow("image", "export", image, str(tmp_path / "out.tar"))
    assert refused.returncode == 1 and ".wh.kept" in refused.stderr


def test_a_socket_in_a_directory_is_an_error(burrow: Run, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "s"))
        done = burrow("image", "import", str(tree))
    assert done.returncode == 1
    assert "socket" in done.stderr and "Traceback" not in done.stderr


def test_a_bad_archive_and_a_bad_name_are_told(burrow: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"no tar" * 1000)
    done = burrow("image", "import", str(tmp_path / "bad.tar"))
    assert done.returncode == 1 and "archive" in done.stderr
    done = burrow("image", "import", "python:3.12")
    assert done.returncode == 1 and "HOST/NAME" in done.stderr
    assert "Traceback" not in done.stderr
