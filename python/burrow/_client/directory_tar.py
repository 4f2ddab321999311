"""A directory as the tar of a layer, with everything that an image keeps of it."""

from __future__ import annotations

import os
import stat
import tarfile

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_PART = 1024 * 1024


def write_directory(root: str, out: "Any") -> None:
    """Writes the tree below `root` as a pax tar to `out`, which has a `write` method.

    Links are not followed, and other filesystems that are mounted below are left out.

    Raises:
        InvalidError: something cannot be read, or is a socket.
    """
    with tarfile.open(
        fileobj=out, mode="w|", format=tarfile.PAX_FORMAT, errors="surrogateescape", bufsize=_PART
    ) as tar:
        _Writer(tar, os.path.abspath(root)).write()


class _Writer:
    def __init__(self, tar: tarfile.TarFile, root: str) -> None:
        self._tar = tar
        self._root = root
        self._linked: "dict[tuple[int, int], str]" = {}

    def write(self) -> None:
        device = os.lstat(self._root).st_dev
        self._add(self._root, ".")
        pending = [("", self._root)]
        while pending:
            prefix, directory = pending.pop()
            for name in sorted(os.listdir(directory)):
                path, inside = os.path.join(directory, name), prefix + name
                status = self._add(path, inside)
                if stat.S_ISDIR(status.st_mode) and status.st_dev == device:
                    pending.append((inside + "/", path))

    def _add(self, path: str, name: str) -> os.stat_result:
        try:
            status = os.lstat(path)
            info = self._member(path, name, status)
            if info.isreg():
                with open(path, "rb") as file:
                    info.size = os.fstat(file.fileno()).st_size
                    self._tar.addfile(info, file)
            else:
                self._tar.addfile(info)
        except OSError as error:
            raise InvalidError("Cannot read %s: %s." % (path, error.strerror or error)) from None
        return status

    def _member(self, path: str, name: str, status: os.stat_result) -> tarfile.TarInfo:
        info = tarfile.TarInfo(name)
        info.mode = stat.S_IMODE(status.st_mode)
        info.uid, info.gid = status.st_uid, status.st_gid
        seconds, nanoseconds = divmod(status.st_mtime_ns, 10**9)
        info.mtime = seconds
        headers: "dict[str, str]" = {}
        if nanoseconds:
            headers["mtime"] = _pax_time(status.st_mtime_ns)
        info.type = _type_of(path, status)
        key = (status.st_dev, status.st_ino)
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            first = self._linked.setdefault(key, name)
            if first != name:
                info.type, info.linkname = tarfile.LNKTYPE, first
                return info
        if info.type == tarfile.SYMTYPE:
            info.linkname = os.readlink(path)
        if info.type in (tarfile.CHRTYPE, tarfile.BLKTYPE):
            info.devmajor, info.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
        for attribute in os.listxattr(path, follow_symlinks=False):
            value = os.getxattr(path, attribute, follow_symlinks=False)
            headers["SCHILY.xattr." + attribute] = value.decode("utf-8", "surrogateescape")
        info.pax_headers = headers
        return info


_TYPES = (
    (stat.S_ISREG, tarfile.REGTYPE),
    (stat.S_ISDIR, tarfile.DIRTYPE),
    (stat.S_ISLNK, tarfile.SYMTYPE),
    (stat.S_ISFIFO, tarfile.FIFOTYPE),
    (stat.S_ISCHR, tarfile.CHRTYPE),
    (stat.S_ISBLK, tarfile.BLKTYPE),
)


def _type_of(path: str, status: os.stat_result) -> bytes:
    for is_type, kind in _TYPES:
        if is_type(status.st_mode):
            return kind
    raise InvalidError("%s is a socket, which an image cannot hold: remove it." % path)


def _pax_time(ns: int) -> str:
    sign, ns = ("-", -ns) if ns < 0 else ("", ns)
    return "%s%d.%09d" % (sign, ns // 10**9, ns % 10**9)
