"""The image that is measured: Debian with scikit-learn and pandas, as a tree and in the forms that others read.

Made once for a state directory: it takes minutes and needs the machine's package archive.
"""

from __future__ import annotations

import json
import os
import random
import shutil

from measurement import BenchError
from processes import run

COMMAND = ("/usr/bin/python3", "-c", "import sklearn")
BIG_BYTES = 1 << 30
_PACKAGES = "python3-sklearn python3-pandas"


class Workload:
    """Paths of what was made.

    Attributes:
        rootfs: the unpacked tree.
        archive: the same as `podman load` takes it; two layers, as a Dockerfile makes them.
        layout: the same as an OCI layout, `layout:w`.
        big: a tree that holds one file, /big.
    """

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.rootfs = os.path.join(directory, "rootfs")
        self.base = os.path.join(directory, "base")
        self.archive = os.path.join(directory, "w.tar")
        self.layout = os.path.join(directory, "layout")
        self.big = os.path.join(directory, "big")

    def make(self) -> None:
        """Makes what is missing. Raises BenchError."""
        os.makedirs(self.directory, exist_ok=True)
        self._once("rootfs", self._make_trees)
        self._once("layout", self._make_layout)
        self._once("archive", self._make_archive)
        self._once("big", self._make_big)

    def _once(self, name: str, make: "object") -> None:
        done = os.path.join(self.directory, name + ".done")
        if not os.path.exists(done):
            make()  # type: ignore[operator]
            with open(done, "w", encoding="ascii"):
                pass

    def _make_trees(self) -> None:
        for tree in (self.rootfs, self.base):
            shutil.rmtree(tree, ignore_errors=True)
        install = 'chroot "$1" apt-get install --yes --no-install-recommends ' + _PACKAGES
        command = ["mmdebstrap", "--mode=root", "--variant=apt"]
        command += ["--include=python3,ca-certificates", '--aptopt=Acquire::Languages "none"']
        # Its /proc and /sys are mounted meanwhile: -x, or files of the kernel without end are copied.
        command += ["--customize-hook=cp -ax \"$1\" '%s'" % self.base]
        command += ["--customize-hook=" + install, "bookworm", self.rootfs]
        run(command, timeout=1800)
        copied = [name for name in ("proc", "sys") if os.listdir(os.path.join(self.base, name))]
        if copied:
            raise BenchError("the base tree holds files of the kernel: %s" % ", ".join(copied))

    def _make_layout(self) -> None:
        shutil.rmtree(self.layout, ignore_errors=True)
        delta = os.path.join(self.directory, "delta")
        shutil.rmtree(delta, ignore_errors=True)
        same = ["rsync", "-aHAX", "--numeric-ids", "--compare-dest=" + self.base]
        run([*same, self.rootfs + "/", delta + "/"])
        image = self.layout + ":w"
        run(["umoci", "init", "--layout", self.layout])
        run(["umoci", "new", "--image", image])
        for tree in (self.base, delta):
            run(["umoci", "insert", "--image", image, tree, "/"], timeout=1800)
        shutil.rmtree(delta)

    def _make_archive(self) -> None:
        if os.path.exists(self.archive):
            os.unlink(self.archive)
        run(["skopeo", "copy", "oci:%s:w" % self.layout, "docker-archive:%s:w:1" % self.archive])

    def _make_big(self) -> None:
        os.makedirs(self.big, exist_ok=True)
        chance = random.Random(1)
        with open(os.path.join(self.big, "big"), "wb") as file:
            for _ in range(BIG_BYTES >> 20):
                file.write(chance.randbytes(1 << 20))


def bundle(directory: str, root: str, arguments: "tuple[str, ...]") -> str:
    """An OCI bundle that runs a command in `root`; gives its directory."""
    config = {
        "ociVersion": "1.0.0",
        "process": {
            "user": {"uid": 0, "gid": 0},
            "args": list(arguments),
            "env": ["PATH=/usr/bin:/bin"],
            "cwd": "/",
        },
        "root": {"path": root},
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"},
        ],
        "linux": {"namespaces": [{"type": n} for n in ("pid", "ipc", "uts", "mount", "network")]},
    }
    os.makedirs(directory, exist_ok=True)
    with open(os.path.join(directory, "config.json"), "w", encoding="utf-8") as file:
        json.dump(config, file)
    return directory
