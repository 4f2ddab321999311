"""Device nodes of images are kept and cannot be opened; what would delete something is refused."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Dict

import pytest

from daemon import Daemon, Run
from layered import own_architecture, write_docker_archive, write_layout
from real_images import run as run_tool
from registries import DockerRegistry
from transfers import exported, import_image, index_of, mounted

CHARACTER, BLOCK = stat.S_IFCHR | 0o666, stat.S_IFBLK | 0o640
DEVICES = {"null": (CHARACTER, os.makedev(1, 3)), "disk": (BLOCK, os.makedev(8, 300))}


def layer_with(directory: Path, nodes: "Dict[str, tuple[int, int]]") -> bytes:
    """By GNU tar, of nodes that are there."""
    tree, layer = directory / "tree", directory / "layer.tar"
    (tree / "nodes").mkdir(parents=True)
    for name, (mode, device) in nodes.items():
        os.mknod(tree / "nodes" / name, mode, device)
        os.chmod(tree / "nodes" / name, stat.S_IMODE(mode))
    run_tool("tar", "-cf", str(layer), "-C", str(tree), "nodes")
    return layer.read_bytes()


def nodes_of(root: Path) -> "Dict[str, tuple[int, int]]":
    found = {path.name: path.lstat() for path in (root / "nodes").iterdir()}
    return {name: (status.st_mode, status.st_rdev) for name, status in found.items()}


@pytest.mark.parametrize("image_fs", ["auto", "fuse"])
def test_device_nodes_are_kept_and_cannot_be_opened(
    daemon: Daemon, tmp_path: Path, image_fs: str
) -> None:
    archive = write_docker_archive(tmp_path / "image.tar", [layer_with(tmp_path, DEVICES)])
    image = import_image(daemon.burrow, str(archive))
    with mounted(daemon, index_of(daemon, image), tmp_path, image_fs) as root:
        assert nodes_of(root) == DEVICES
        for name in DEVICES:
            with pytest.raises(OSError) as refused:
                os.open(root / "nodes" / name, os.O_RDONLY)
            assert refused.value.errno == errno.EACCES, "root may open every device that there is"
    assert nodes_of(exported(daemon.burrow, image, tmp_path)) == DEVICES


def test_a_device_node_that_would_delete_something_is_refused(
    daemon: Daemon, tmp_path: Path
) -> None:
    layer = layer_with(tmp_path, {**DEVICES, "gone": (stat.S_IFCHR | 0o600, 0)})
    sources = (
        str(write_docker_archive(tmp_path / "image.tar", [layer])),
        str(write_layout(tmp_path / "layout", {own_architecture(): [layer]})),
        "rootfs:%s" % (tmp_path / "layer.tar"),
        "rootfs:%s" % (tmp_path / "tree"),
    )
    for source in sources:
        refused = daemon.burrow("image", "import", source)
        assert refused.returncode == 1 and refused.stdout == "", source
        assert "nodes/gone" in refused.stderr and "0:0" in refused.stderr, source


@pytest.mark.parametrize("runtime", ["crun", "runc"])
def test_a_container_cannot_open_a_device_node_of_its_image(
    request: pytest.FixtureRequest,
    layouts: "Dict[str, Path]",
    registry: DockerRegistry,
    runtime: str,
) -> None:
    registry.push("%s:latest" % layouts["python"], "devices")
    code = """
    @app.function(image=burrow.Image.from_registry(%r), runtime=%r)
    def look():
        import os
        import stat
        found = os.lstat("/odd/null")
        try:
            os.open("/odd/null", os.O_RDWR)
        except PermissionError:
            return stat.S_ISCHR(found.st_mode), found.st_rdev == os.makedev(1, 3)
    """
    run: Run = request.getfixturevalue("run")
    done = run(code % (registry.host + "/devices", runtime), "print(look.remote())")
    assert done.stdout == "(True, True)\n", done.stderr
