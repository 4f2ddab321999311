"""A mounted image behaves as the unpacked tree does under a plain overlay.

The tests of what is read come first: they see the image as it was made. Those that write work in places of their own.
"""

from __future__ import annotations

import ctypes
import errno
import hashlib
import mmap
import os
import shutil
import stat
import struct
import subprocess
import tarfile
from pathlib import Path
from typing import Callable, List

import pytest

from rootfs import LARGE_BYTES, PACKAGE, large_file
from tree_walk import differences, walk

Chroot = Callable[..., str]


def lines_of(*command: str, cwd: Path) -> "List[bytes]":
    done = subprocess.run(command, cwd=cwd, stdout=subprocess.PIPE, check=True, timeout=300)
    return done.stdout.splitlines()


def drop_caches() -> None:
    os.sync()
    Path("/proc/sys/vm/drop_caches").write_text("3\n")


def test_every_name_has_the_attributes_and_the_content_of_the_unpacked_tree(
    root: Path, rootfs: Path
) -> None:
    assert differences(walk(str(rootfs)), walk(str(root))) == []


def test_find_prints_the_same(root: Path, rootfs: Path) -> None:
    command = ["find", ".", "-printf", "%p %y %m %U %G %l %T@\\n"]
    assert sorted(lines_of(*command, cwd=root)) == sorted(lines_of(*command, cwd=rootfs))


def archived(tree: Path) -> "List[object]":
    """What tar reads, member by member; the order of a member's attributes is the filesystem's own."""
    command = ["tar", "--create", "--sort=name", "--format=posix", "--xattrs", "--xattrs-include=*"]
    command += ["--numeric-owner", "--pax-option=delete=atime,delete=ctime"]
    members: "List[object]" = []
    with subprocess.Popen([*command, "."], cwd=tree, stdout=subprocess.PIPE) as process:
        with tarfile.open(fileobj=process.stdout, mode="r|", errors="surrogateescape") as archive:
            for member in archive:
                file = archive.extractfile(member) if member.isreg() else None
                content = hashlib.sha256(file.read() if file else b"").hexdigest()
                members.append((member.get_info(), sorted(member.pax_headers.items()), content))
    assert process.returncode == 0
    return members


def test_tar_reads_the_same(root: Path, rootfs: Path) -> None:
    assert archived(root) == archived(rootfs)


def test_rsync_finds_nothing_to_copy(root: Path, rootfs: Path) -> None:
    command = ["rsync", "--dry-run", "--archive", "--hard-links", "--xattrs", "--checksum"]
    command += ["--delete", "--itemize-changes", "%s/" % rootfs, "%s/" % root]
    assert lines_of(*command, cwd=rootfs) == []


def test_hard_links_share_an_inode(root: Path) -> None:
    names = ("one", "two", "elsewhere/three")
    infos = [os.lstat(root / "unusual" / name) for name in names]
    assert len({(info.st_dev, info.st_ino) for info in infos}) == 1
    assert {info.st_nlink for info in infos} == {3}


def test_inode_numbers_stay_when_the_kernel_forgets(root: Path) -> None:
    names = [root, root / "usr", root / "unusual/one", root / "unusual/fifo", root / "etc/passwd"]
    names += sorted((root / "cold").iterdir())[:50]
    before = [os.lstat(name).st_ino for name in names]
    assert len(set(before)) == len(before)
    drop_caches()
    assert [os.lstat(name).st_ino for name in names] == before
    with os.scandir(root / "cold") as entries:
        listed = {entry.name: entry.inode() for entry in entries}
    assert {name.name: listed[name.name] for name in names[5:]} == dict(
        zip((name.name for name in names[5:]), before[5:])
    )


def test_a_mapped_file_has_its_content(root: Path) -> None:
    expected = large_file(0)
    end = LARGE_BYTES - 7
    for access in (mmap.ACCESS_READ, mmap.ACCESS_COPY):
        drop_caches()
        with open(root / "cold" / "large-0", "rb") as file:
            with mmap.mmap(file.fileno(), 0, access=access) as mapped:
                assert mapped[end:] == expected[end:]  # the end first: nothing before it was read
                assert mapped[:] == expected


def test_programs_run_and_load_their_libraries(chroot: Chroot) -> None:
    drop_caches()
    code = "import argparse, hashlib, zlib; print(hashlib.sha256(b'').hexdigest())"
    assert chroot("/usr/bin/python3", "-c", code) == hashlib.sha256(b"").hexdigest() + "\n"


def test_what_is_not_there_is_not_there(root: Path) -> None:
    for name in ("nowhere", "usr/nowhere", "n" * 255):
        assert not os.path.lexists(root / name)
    with pytest.raises(OSError) as raised:
        os.lstat(root / ("n" * 256))
    assert raised.value.errno == errno.ENAMETOOLONG
    with pytest.raises(NotADirectoryError):
        os.lstat(root / "etc/passwd/below")


def test_a_written_file_goes_to_the_upper_only(root: Path, upper: Path, rootfs: Path) -> None:
    path = root / "etc" / "debian_version"
    before = path.read_bytes()
    info = os.stat(path)
    with open(path, "ab") as file:
        file.write(b"more\n")
    assert path.read_bytes() == before + b"more\n"
    after = os.stat(path)
    assert (after.st_ino, after.st_mode, after.st_uid) == (info.st_ino, info.st_mode, info.st_uid)
    assert (upper / "etc" / "debian_version").read_bytes() == before + b"more\n"
    assert (rootfs / "etc" / "debian_version").read_bytes() == before
    with open(root / "etc" / "issue", "r+b") as file:
        file.truncate(3)
    assert (upper / "etc" / "issue").read_bytes() == (rootfs / "etc" / "issue").read_bytes()[:3]


def test_a_file_that_is_written_while_it_is_mapped_is_copied_whole(root: Path) -> None:
    path = root / "cold" / "large-1"
    with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapped:
        mapped[1000:1004] = b"here"
        mapped.flush()
    content = large_file(1)
    assert path.read_bytes() == content[:1000] + b"here" + content[1004:]


def test_attributes_change_without_the_content(root: Path, rootfs: Path) -> None:
    path, lower = root / "cold" / "large-2", os.stat(rootfs / "cold" / "large-2")
    path.chmod(0o751)
    os.chown(path, 12, 34)
    info = os.stat(path)
    assert (stat.S_IMODE(info.st_mode), info.st_uid, info.st_gid) == (0o751, 12, 34)
    assert (info.st_size, info.st_mtime_ns) == (lower.st_size, lower.st_mtime_ns)
    assert path.read_bytes() == large_file(2)


def test_a_directory_of_the_image_can_be_renamed(root: Path) -> None:
    below = root / "usr" / "lib" / "python3.11" / "email"
    expected = {path.name: path.read_bytes() for path in below.glob("*.py")}
    assert expected
    moved = root / "srv" / "moved"
    os.rename(below, moved)
    assert not below.exists()
    assert {path.name: path.read_bytes() for path in moved.glob("*.py")} == expected
    os.rename(moved, below)
    assert {path.name: path.read_bytes() for path in below.glob("*.py")} == expected


def test_a_removed_file_is_gone_and_can_be_made_again(root: Path, upper: Path) -> None:
    path = root / "unusual" / "setuid"
    path.unlink()
    assert not path.exists()
    assert "setuid" not in os.listdir(path.parent)
    whiteout = os.lstat(upper / "unusual" / "setuid")
    assert stat.S_ISCHR(whiteout.st_mode) and whiteout.st_rdev == 0
    path.write_bytes(b"new")
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) & stat.S_ISUID == 0


def test_a_directory_made_again_is_empty(root: Path, upper: Path) -> None:
    path = root / "unusual" / "deep0"
    shutil.rmtree(path)
    path.mkdir()
    assert os.listdir(path) == []
    assert os.getxattr(upper / "unusual" / "deep0", "trusted.overlay.opaque") == b"y"
    drop_caches()
    assert os.listdir(path) == []
    path.rmdir()
    assert not path.exists()


def test_a_file_without_a_name_gets_one(root: Path) -> None:
    descriptor = os.open(root / "srv", os.O_TMPFILE | os.O_RDWR, 0o644)
    try:
        os.write(descriptor, b"content")
        here = os.open(
            root / "srv", os.O_PATH
        )  # a descriptor, else Python does not follow the link
        os.link("/proc/self/fd/%d" % descriptor, "named", dst_dir_fd=here, follow_symlinks=True)
        os.close(here)
    finally:
        os.close(descriptor)
    assert (root / "srv" / "named").read_bytes() == b"content"


def test_extended_attributes_are_kept_and_changed(root: Path) -> None:
    path = root / "unusual" / "attributes"
    assert os.getxattr(path, "user.binary") == bytes(range(256))
    os.setxattr(path, "user.new", b"value")
    assert sorted(os.listxattr(path)) == ["user.binary", "user.empty", "user.new"]
    os.removexattr(path, "user.binary")
    assert sorted(os.listxattr(path)) == ["user.empty", "user.new"]
    with pytest.raises(OSError) as raised:
        os.getxattr(path, "user.binary")
    assert raised.value.errno == errno.ENODATA
    os.setxattr(root / "unusual" / "directory", "user.second", b"2")
    assert os.getxattr(root / "unusual" / "directory", "user.on.directory") == b"d"


def test_a_changed_program_loses_its_capabilities(root: Path) -> None:
    path = root / "unusual" / "capable"
    assert os.getxattr(path, "security.capability")
    with open(path, "ab") as file:
        file.write(b"changed")
    assert os.listxattr(path) == []


def test_watchers_are_told_of_changes(root: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    assert descriptor >= 0
    directory = root / "unusual" / "elsewhere"
    created, modified, deleted = 0x100, 0x2, 0x200
    try:
        watched = libc.inotify_add_watch(
            descriptor, os.fsencode(directory), created | modified | deleted
        )
        assert watched >= 0
        (directory / "fresh").write_bytes(b"1")
        (directory / "three").write_bytes(b"written")
        (directory / "three").unlink()
        seen = _events(os.read(descriptor, 64 << 10))
    finally:
        os.close(descriptor)
    assert (created, b"fresh") in seen
    assert (modified, b"fresh") in seen
    assert (modified, b"three") in seen
    assert (deleted, b"three") in seen


def _events(data: bytes) -> "List[tuple[int, bytes]]":
    found = []
    while data:
        _, mask, _, length = struct.unpack_from("iIII", data)
        found.append((mask, data[16 : 16 + length].rstrip(b"\0")))
        data = data[16 + length :]
    return found


def test_a_package_is_upgraded_by_apt(chroot: Chroot, root: Path) -> None:
    library = root / "usr" / "lib" / PACKAGE
    assert (library / "data" / "7").read_text() == "1.0 7\n"
    assert (library / "only-in-1.0" / "file").exists()
    chroot("apt-get", "update")
    chroot("apt-get", "--yes", "upgrade")
    assert chroot("dpkg-query", "--show", PACKAGE) == "%s\t2.0\n" % PACKAGE
    assert chroot("dpkg", "--verify", PACKAGE) == ""
    assert (library / "data" / "7").read_text() == "2.0 7\n"
    assert os.stat(library / "hard").st_ino == os.stat(library / "data" / "0").st_ino
    assert not (library / "only-in-1.0").exists()


def test_blobs_are_never_changed(tree_kind: str, root: Path) -> None:
    """After everything above: each file of the cache still has the content that it is named by."""
    if tree_kind == "overlay":
        pytest.skip("a plain overlay has no blobs")
    blobs = root.parent / "state" / "cache" / "blobs"
    checked = 0
    for directory in blobs.iterdir():
        if len(directory.name) != 2:
            continue
        for blob in directory.iterdir():
            assert hashlib.sha256(blob.read_bytes()).hexdigest() == directory.name + blob.name
            checked += 1
    assert checked > 100
