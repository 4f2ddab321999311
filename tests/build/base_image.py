"""The base of every case: busybox and a few files to copy over, remove and replace; made without a network."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

NAME = "burrow-base"
BUSYBOX = "/bin/busybox"
BASE_TIME = 900_000_000  # seconds; of all its files
ENVIRONMENT = ("PATH=/usr/bin:/bin", "BASE=base value")
_DIRECTORIES = "bin dev etc proc sys root run srv usr usr/bin var var/tmp data data/full data/full/deep data/other real"
_FILES = {
    "etc/passwd": "root:x:0:0:root:/root:/bin/sh\nworker:x:1000:1001:Worker:/srv:/bin/sh\n",
    "etc/group": "root:x:0:\nworkers:x:1001:\ncrew:x:2000:worker\n",
    "etc/hosts": "127.0.0.1 localhost\n",
    "etc/hostname": "base\n",
    "etc/resolv.conf": "",
    "data/one": "one\n",
    "data/two": "two\n",
    "data/full/a": "a\n",
    "data/full/b": "b\n",
    "data/full/deep/c": "c\n",
    "data/other/d": "d\n",
    "real/inside": "inside\n",
}
_LINKS = {"link": "/real", "relative": "real", "dangling": "/nowhere", "etc/alias": "passwd"}


def make_rootfs(root: Path) -> None:
    for name in _DIRECTORIES.split():
        (root / name).mkdir(parents=True, exist_ok=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    applets = subprocess.run([BUSYBOX, "--list"], check=True, capture_output=True, text=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            os.symlink("busybox", root / "bin" / applet)
    for name, text in _FILES.items():
        (root / name).write_text(text, encoding="utf-8")
        os.chmod(root / name, 0o644)
    for name, target in _LINKS.items():
        os.symlink(target, root / name)
    os.link(root / "data/two", root / "data/two-again")
    os.chmod(root / "root", 0o700)
    (root / "tmp").mkdir()
    os.chmod(root / "tmp", 0o1777)
    for place, directories, files in os.walk(root, topdown=False):
        for name in directories + files:
            path = os.path.join(place, name)
            os.utime(path, (BASE_TIME, BASE_TIME), follow_symlinks=False)
    os.utime(root, (BASE_TIME, BASE_TIME))


def make_layout(directory: Path) -> Path:
    """An OCI layout with the tag "base"; gives its path."""
    root, layout = directory / "base-rootfs", directory / "base-layout"
    root.mkdir()
    root.chmod(0o755)
    make_rootfs(root)
    image = "%s:base" % layout
    for command in (
        ["umoci", "init", "--layout", str(layout)],
        ["umoci", "new", "--image", image],
        ["umoci", "insert", "--image", image, str(root), "/"],
        ["umoci", "config", "--image", image, "--config.cmd", "/bin/sh"]
        + ["--config.env=" + variable for variable in ENVIRONMENT],
    ):
        subprocess.run(command, check=True, timeout=120, capture_output=True)
    return layout
