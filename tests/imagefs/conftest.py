"""The suite of image filesystems: the same tests over each tier, and over a plain overlay of the unpacked tree.

--image-fs names the tiers (default: every one). BURROW_TEST_STATE keeps the unpacked tree for the next run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Callable, Iterator

import pytest

from images import import_tree
from processes import BURROWD, Control, Mounted, mounts_below
from rootfs import make_rootfs

TIERS = ("erofs", "fuse")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--image-fs", default=",".join(TIERS), help="tiers to test, by commas")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "tier" in metafunc.fixturenames:
        tiers = str(metafunc.config.getoption("--image-fs", ",".join(TIERS))).split(",")
        metafunc.parametrize("tier", tiers, scope="session")
    if "tree_kind" in metafunc.fixturenames:
        tiers = str(metafunc.config.getoption("--image-fs", ",".join(TIERS))).split(",")
        metafunc.parametrize("tree_kind", ["overlay", *tiers], scope="session")


def _missing() -> str:
    if not os.path.exists(BURROWD):
        return "there is no %s: build it first" % BURROWD
    if os.geteuid() != 0:
        return "mounts need root"
    if not os.path.exists("/dev/fuse"):
        return "there is no /dev/fuse"
    return ""


def pytest_collection_modifyitems(items: "list[pytest.Item]") -> None:
    reason = _missing()
    here = Path(__file__).parent
    for item in items:
        if reason and Path(str(item.fspath)).parent == here:
            item.add_marker(pytest.mark.skip(reason=reason))


def require(tier: str) -> None:
    """Skips where this kernel cannot do the tier at all."""
    release = tuple(int(number) for number in os.uname().release.split("-")[0].split(".")[:2])
    if tier == "erofs" and release < (6, 12):
        pytest.skip("tier erofs needs Linux 6.12: file-backed EROFS and data-only layers")


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Directory of everything that the suite makes; nothing may stay mounted below it."""
    directory = tmp_path_factory.mktemp("imagefs")
    yield directory
    left = mounts_below(directory)
    for point in reversed(left):
        subprocess.run(["umount", "--lazy", point], check=False, timeout=30)
    assert left == []
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
def rootfs(work: Path) -> Path:
    """The unpacked tree that the image was made of."""
    kept = os.environ.get("BURROW_TEST_STATE")
    root = Path(kept, "imagefs", "rootfs") if kept else work / "rootfs"
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        fresh = root.with_name("rootfs.new")
        shutil.rmtree(fresh, ignore_errors=True)
        make_rootfs(fresh)
        fresh.rename(root)
    return root


@pytest.fixture(scope="session")
def control(work: Path) -> Iterator[Control]:
    control = Control(work)
    control.start()
    yield control
    control.stop()


@pytest.fixture(scope="session")
def index(control: Control, rootfs: Path) -> str:
    """Digest of the image's index."""
    return import_tree(control, rootfs)


@pytest.fixture(scope="session")
def root(tree_kind: str, work: Path, request: pytest.FixtureRequest) -> "Iterator[Path]":
    """The image mounted writable, once for each kind. `overlay` shows that a test asks nothing that overlayfs lacks."""
    if tree_kind == "overlay":
        yield from _plain_overlay(work / "overlay", request.getfixturevalue("rootfs"))
        return
    require(tree_kind)
    control = request.getfixturevalue("control")
    index = request.getfixturevalue("index")
    mounted = Mounted(work / tree_kind, control.url, control.worker_token, index, tree_kind)
    mounted.start()
    yield mounted.root
    mounted.stop()


def _plain_overlay(directory: Path, lower: Path) -> Iterator[Path]:
    for name in ("state/upper", "state/work", "root"):
        (directory / name).mkdir(parents=True)
    upper, work, root = directory / "state/upper", directory / "state/work", directory / "root"
    shutil.copystat(lower, upper)
    options = "lowerdir=%s,upperdir=%s,workdir=%s,redirect_dir=on,metacopy=on" % (
        lower,
        upper,
        work,
    )
    subprocess.run(
        ["mount", "-t", "overlay", "overlay", "-o", options, str(root)], check=True, timeout=30
    )
    yield root
    subprocess.run(["umount", str(root)], check=True, timeout=30)


@pytest.fixture
def upper(root: Path) -> Path:
    """Where what is written goes."""
    return root.parent / "state" / "upper"


@pytest.fixture
def chroot(root: Path) -> "Callable[..., str]":
    """`chroot("ls", "/")` runs a program of the image inside it, with /proc and /dev, and gives what it printed."""

    def run(*command: str) -> str:
        script = (
            'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && exec chroot "$0" "$@"'
        )
        done = subprocess.run(
            ["unshare", "--mount", "sh", "-c", script, str(root), *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"},
            timeout=120,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run
