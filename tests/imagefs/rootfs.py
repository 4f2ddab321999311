"""The tree that the suite's image is made of: a small Debian, and names and files that are hard to keep."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import struct
import subprocess
from pathlib import Path

COLD_FILES = 400  # files of a few KiB that nothing but a test of failures reads
COLD_BYTES = 20_000
LARGE_FILES = 10
# Above the size from which frames are verified, and no multiple of them.
LARGE_BYTES = (4 << 20) + 123
PACKAGE = "burrow-probe"

_BOOTSTRAP_S = 600
_CAPABILITY = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)  # cap_net_bind_service


def make_rootfs(root: Path) -> None:
    """Fills a directory that is not there yet."""
    # It mounts /proc, /sys and the machine's own /dev/shm in there. Killed, it would leave them to
    # whoever removes the directory; in a namespace of its own they go with it.
    command = ["unshare", "--mount", "mmdebstrap", "--mode=root", "--variant=apt"]
    command += ["--include=python3-minimal"]
    command += ['--aptopt=Acquire::Languages "none"', '--aptopt=APT::Install-Recommends "false"']
    command += [
        "--dpkgopt=path-exclude=/usr/share/%s/*" % name for name in ("man", "doc", "locale")
    ]
    made = subprocess.run(
        [*command, "bookworm", str(root)], capture_output=True, timeout=_BOOTSTRAP_S, check=False
    )
    assert made.returncode == 0, made.stderr.decode(errors="replace")[-2000:]
    _add_unusual_files(root / "unusual")
    _add_cold_files(root / "cold")
    _add_packages(root)


def cold_file(number: int) -> bytes:
    """Content of /cold/<number>; different in every byte."""
    return random.Random("cold %d" % number).randbytes(COLD_BYTES + number)


def large_file(number: int) -> bytes:
    """Content of /cold/large-<number>."""
    return random.Random("large %d" % number).randbytes(LARGE_BYTES)


def _add_cold_files(directory: Path) -> None:
    directory.mkdir()
    for number in range(COLD_FILES):
        (directory / str(number)).write_bytes(cold_file(number))
    for number in range(LARGE_FILES):
        (directory / ("large-%d" % number)).write_bytes(large_file(number))


def _add_unusual_files(top: Path) -> None:
    top.mkdir()
    (top / "empty").touch()
    (top / "one").write_bytes(b"linked\n")
    (top / "elsewhere").mkdir()
    for name in ("two", "elsewhere/three"):
        os.link(top / "one", top / name)
    os.symlink("one", top / "relative")
    os.symlink("/unusual/nowhere", top / "dangling")
    os.symlink("x" * 4000, top / "long-link")
    os.mkfifo(top / "fifo", 0o640)
    os.mknod(top / "null", 0o600 | 0o020000, os.makedev(1, 3))
    (top / ("n" * 255)).write_bytes(b"a long name\n")
    Path(os.fsdecode(os.fsencode(str(top)) + b"/latin-\xe9\xff")).write_bytes(b"bytes\n")
    Path(top / "new\nline and space").write_bytes(b"")
    deep = top.joinpath(*["deep%d" % level for level in range(40)])
    deep.mkdir(parents=True)
    (deep / "leaf").write_bytes(b"leaf\n")
    for name, mode in (("setuid", 0o4755), ("setgid", 0o2755), ("private", 0o000)):
        (top / name).write_bytes(name.encode())
        os.chown(top / name, 1234, 4321)
        (top / name).chmod(mode)
    (top / "sticky").mkdir()
    (top / "sticky").chmod(0o1777)
    _add_attributes(top)
    many = top / "many"
    many.mkdir()
    for number in range(3000):
        (many / ("entry-%05d" % number)).symlink_to(str(number))
    paths = [Path(where, name) for where, below, files in os.walk(top) for name in below + files]
    for number, path in enumerate(sorted(paths)):
        seconds = 1_000_000_000 + number
        os.utime(path, ns=(0, seconds * 10**9 + 123_456_789), follow_symlinks=False)
    os.utime(top / "empty", ns=(0, -(10**9) * 86_400 + 5))  # before 1970


def _add_attributes(top: Path) -> None:
    (top / "attributes").write_bytes(b"a")
    os.setxattr(top / "attributes", "user.empty", b"")
    os.setxattr(top / "attributes", "user.binary", bytes(range(256)))
    (top / "capable").write_bytes(b"c")
    os.setxattr(top / "capable", "security.capability", _CAPABILITY)
    (top / "directory").mkdir()
    os.setxattr(top / "directory", "user.on.directory", b"d")


def _add_packages(root: Path) -> None:
    """Version 1 of a package is installed; version 2 waits in an archive inside the image."""
    archive = root / "srv" / "archive"
    archive.mkdir(parents=True)
    work = root.parent / "packages"
    for version in ("1.0", "2.0"):
        subprocess.run(
            [
                "dpkg-deb",
                "--root-owner-group",
                "--build",
                str(_package(work, version)),
                str(archive),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
    first = archive / ("%s_1.0_all.deb" % PACKAGE)
    subprocess.run(
        ["chroot", str(root), "dpkg", "--install", "/srv/archive/" + first.name],
        check=True,
        capture_output=True,
        timeout=60,
    )
    first.unlink()
    second = archive / ("%s_2.0_all.deb" % PACKAGE)
    control = subprocess.run(
        ["dpkg-deb", "--field", str(second)], check=True, capture_output=True, timeout=60
    ).stdout
    fields = "Filename: ./%s\nSize: %d\nSHA256: %s\n"
    data = second.read_bytes()
    where = fields % (second.name, len(data), hashlib.sha256(data).hexdigest())
    (archive / "Packages").write_bytes(control + where.encode())
    shutil.rmtree(root / "etc" / "apt" / "sources.list.d", ignore_errors=True)
    (root / "etc" / "apt" / "sources.list").write_text("deb [trusted=yes] file:/srv/archive ./\n")
    shutil.rmtree(work)


def _package(work: Path, version: str) -> Path:
    """A package whose next version moves, replaces, links and removes files."""
    tree = work / version
    library = tree / "usr" / "lib" / PACKAGE
    (tree / "DEBIAN").mkdir(parents=True)
    (tree / "DEBIAN" / "control").write_text(
        "Package: %s\nVersion: %s\nArchitecture: all\nMaintainer: nobody <nobody@example.org>\n"
        "Description: a package to be upgraded\n" % (PACKAGE, version)
    )
    (library / "data").mkdir(parents=True)
    for number in range(200):
        (library / "data" / str(number)).write_text("%s %d\n" % (version, number))
    os.link(library / "data" / "0", library / "hard")
    gone = library / ("only-in-" + version)
    gone.mkdir()
    (gone / "file").write_text(version)
    return tree
