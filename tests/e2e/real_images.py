"""Images of Debian packages as OCI layouts, made by mmdebstrap and umoci, and walks of trees to compare."""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

PACKAGES = {
    "shell": "base-files,dash,coreutils,libc-bin,sed",
    "python": "base-files,dash,libpython3-stdlib,python3-minimal,libc-bin",
    "perl": "base-files,bash,perl-base,ncurses-base,util-linux",
}
TOOLS = ("mmdebstrap", "umoci", "skopeo", "setfattr")
_DEADLINE_S = 600.0


def run(*command: str, cwd: "Path | None" = None, deadline_s: float = _DEADLINE_S) -> str:
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, timeout=deadline_s, check=False
    )
    assert done.returncode == 0, "%s failed:\n%s" % (" ".join(command), done.stderr[-3000:])
    return done.stdout


def make_image(name: str, directory: Path) -> Path:
    """An OCI layout with the tag "latest": the packages, and a second layer that changes them."""
    layout = directory / name
    if layout.is_dir():
        return layout
    building, bundle, rootfs = (
        directory / (name + ".new"),
        directory / "bundle",
        directory / "tree.tar",
    )
    for leftover in (building, bundle):
        shutil.rmtree(leftover, ignore_errors=True)
    include = "--include=" + PACKAGES[name]
    run("mmdebstrap", "--variant=extract", include, "bookworm", str(rootfs))
    image = "%s:latest" % building
    run("umoci", "init", "--layout", str(building))
    run("umoci", "new", "--image", image)
    run("umoci", "unpack", "--image", image, str(bundle))
    run("tar", "-xpf", str(rootfs), "--xattrs", "--xattrs-include=*", "-C", str(bundle / "rootfs"))
    run("umoci", "repack", "--refresh-bundle", "--image", image, str(bundle))
    _change(bundle / "rootfs")
    run("umoci", "repack", "--image", image, str(bundle))
    run(
        "umoci",
        "config",
        "--image",
        image,
        "--config.env",
        "MADE=yes",
        "--config.workingdir",
        "/srv",
    )
    shutil.rmtree(bundle)
    rootfs.unlink()
    building.rename(layout)
    return layout


def _change(root: Path) -> None:
    """What a second layer has: files gone, directories replaced, and everything that an inode may be."""
    shutil.rmtree(root / "usr/share/doc", ignore_errors=True)
    (root / "usr/share/doc").mkdir(parents=True)
    (root / "usr/share/doc/fresh").write_text("the only one\n")
    os.unlink(root / "etc/debian_version")
    odd = root / "odd"
    odd.mkdir()
    os.chmod(odd, 0o1777)
    (odd / "setuid").write_bytes(b"#!/bin/sh\n")
    os.chown(odd / "setuid", 12345, 3_000_000)
    os.chmod(odd / "setuid", 0o6755)
    os.link(odd / "setuid", odd / "hard link")
    os.symlink("/nowhere/at all", odd / "dangling")
    os.mkfifo(odd / "fifo", 0o600)
    os.mknod(odd / "null", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    (odd / ("n" * 255)).write_text("a long name")
    deep = odd.joinpath(*["d" * 100] * 4)
    deep.mkdir(parents=True)
    (deep / "file").write_text("deep")
    (odd / "ünï").write_text("utf-8")
    (odd / "capable").write_bytes(b"x" * 70_000)
    capability = "0x0100000200200000000000000000000000000000"
    run("setfattr", "-n", "security.capability", "-v", capability, str(odd / "capable"))
    (odd / "large").write_bytes(bytes(range(256)) * 20_000)


def add_pax_layer(layout: Path, directory: Path) -> Path:
    """A copy of an image of make_image with one more layer, which has what umoci itself does not write."""
    copy, layer = directory / "layered", directory / "layer.tar"
    shutil.copytree(layout, copy)
    with tarfile.open(layer, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as tar:
        # The directory is opaque, also for what stands before the mark: only this layer's own is in it.
        _add(tar, "odd/", tarfile.DIRTYPE, mtime="1700000000.000000001")
        _add(tar, "odd/before the mark", content=b"1", mtime="1700000000.123456789")
        _add(tar, "odd/.wh..wh..opq")
        _add(tar, "odd/behind it", content=b"2", mtime="-1.25", xattr="\0value")
        _add(tar, "etc/.wh.issue")
        _add(tar, "bytes/", tarfile.DIRTYPE, mtime="1.5")
        name = os.fsdecode(b"bytes/caf\xe9 \xff")
        _add(tar, name, content=b"of a name that is not UTF-8", mtime="999999999.999999999")
        _add(tar, "bytes/hard link", tarfile.LNKTYPE, link=name, mtime="999999999.999999999")
        _add(
            tar, "bytes/link", tarfile.SYMTYPE, link=os.fsdecode(b"\xfe/\xfd"), mtime="2.000000001"
        )
        _add(tar, os.fsdecode(b"bytes/" + b"\xe9" * 200), content=b"long", mtime="3")
    run("umoci", "raw", "add-layer", "--image", "%s:latest" % copy, str(layer))
    return copy


def _add(
    tar: tarfile.TarFile,
    name: str,
    kind: bytes = tarfile.REGTYPE,
    content: bytes = b"",
    mtime: str = "0",
    link: str = "",
    xattr: str = "",
) -> None:
    member = tarfile.TarInfo(name)
    member.type, member.linkname, member.size = kind, link, len(content)
    member.mode = 0o755 if kind == tarfile.DIRTYPE else 0o640
    member.pax_headers = {"mtime": mtime}
    if xattr:
        member.pax_headers["SCHILY.xattr.user.note"] = xattr
    tar.addfile(member, io.BytesIO(content))


def unpack(image: str, directory: Path) -> Path:
    """The root filesystem of "LAYOUT:TAG" by umoci."""
    run("umoci", "unpack", "--image", image, str(directory))
    return directory / "rootfs"


Tree = Dict[bytes, Tuple[Any, ...]]


def walk(root: Path) -> Tree:
    """By path: lstat with nanoseconds, target, extended attributes, content, and the group of hard links."""
    tree: Tree = {}
    first: "Dict[Tuple[int, int], bytes]" = {}
    pending: "List[bytes]" = [b""]
    top = os.fsencode(root)
    while pending:
        inside = pending.pop()
        path = os.path.join(top, inside) if inside else top
        status = os.lstat(path)
        tree[inside] = _describe(path, inside, status, first)
        if stat.S_ISDIR(status.st_mode):
            pending += sorted((os.path.join(inside, n) for n in os.listdir(path)), reverse=True)
    return tree


def _describe(
    path: bytes, inside: bytes, status: os.stat_result, first: "Dict[Tuple[int, int], bytes]"
) -> "Tuple[Any, ...]":
    kind = stat.S_IFMT(status.st_mode)
    group = (
        inside
        if stat.S_ISDIR(status.st_mode)
        else first.setdefault((status.st_dev, status.st_ino), inside)
    )
    content: "str | bytes" = ""
    if stat.S_ISREG(kind):
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
    elif stat.S_ISLNK(kind):
        content = os.readlink(path)
    xattrs = {
        n: os.getxattr(path, n, follow_symlinks=False)
        for n in os.listxattr(path, follow_symlinks=False)
    }
    device = status.st_rdev if stat.S_ISCHR(kind) or stat.S_ISBLK(kind) else 0
    size = 0 if stat.S_ISDIR(kind) else status.st_size
    links = 0 if stat.S_ISDIR(kind) else status.st_nlink
    own = (
        oct(status.st_mode),
        status.st_uid,
        status.st_gid,
        links,
        size,
        status.st_mtime_ns,
        device,
    )
    return (*own, group, content, tuple(sorted(xattrs.items())))


def differences(expected: Tree, found: Tree) -> "List[str]":
    """One line for each path that differs; empty when the trees are equal."""
    lines = []
    for path in sorted(set(expected) | set(found)):
        if expected.get(path) != found.get(path):
            lines.append("%r: %r became %r" % (path, expected.get(path), found.get(path)))
    return lines
