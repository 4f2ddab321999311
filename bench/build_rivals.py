"""`burrow build` and `buildah build`, timed from their start to their end."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from measurement import BenchError
from processes import run

_CHECKOUT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_BURROW = os.path.join(_CHECKOUT, "bin", "burrow")


def _milliseconds(command: "list[str]", **options: object) -> float:
    began = time.monotonic()
    run(command, **options)
    return (time.monotonic() - began) * 1000


class Burrow:
    """Against the burrowd that BURROW_CONFIG names."""

    def add_image(self, layout: str, name: str) -> None:
        run([_BURROW, "image", "import", "oci:%s:b" % layout, "--name", name])

    def build(self, context: str, anew: bool = False) -> float:
        options = ["--no-cache"] if anew else []
        return _milliseconds([_BURROW, "build", context, "--progress", "quiet", *options])

    def build_recipe(self, context: str) -> float:
        """By the context's recipe.py, a Python of its own."""
        environment = {**os.environ, "PYTHONPATH": os.path.join(_CHECKOUT, "python")}
        return _milliseconds([sys.executable, "recipe.py"], cwd=context, env=environment)


class Buildah:
    """With a store of its own, the overlay driver and its cache of layers; stages side by side."""

    def __init__(self, directory: str) -> None:
        self._root, self._run = directory + "/root", directory + "/run"
        self._base = ["buildah", "--root", self._root, "--runroot", self._run]
        self._base += ["--storage-driver", "overlay"]
        self.isolation = "oci"

    def add_image(self, layout: str, name: str) -> None:
        store = "containers-storage:[overlay@%s+%s]localhost/%s:latest"
        target = store % (self._root, self._run, name)
        run(["skopeo", "copy", "--insecure-policy", "oci:%s:b" % layout, target])

    def choose_isolation(self, context: str) -> None:
        """Containers as usual; chroot where its engine can make none on this machine."""
        try:
            self.build(context)
        except BenchError:
            self.isolation = "chroot"
            self.build(context)

    def build(self, context: str, anew: bool = False) -> float:
        options = ["--isolation=" + self.isolation, "--pull=never", "--jobs=4", "--quiet"]
        options += ["--layers", "--no-cache"] if anew else ["--layers"]
        return _milliseconds([*self._base, "bud", *options, context])

    def close(self) -> None:
        """Removes what is mounted."""
        for command in (["rm", "--all"], ["rmi", "--all", "--force"]):
            subprocess.run([*self._base, *command], stdout=subprocess.DEVNULL, check=False)
        subprocess.run(["umount", self._root + "/overlay"], stderr=subprocess.DEVNULL, check=False)
