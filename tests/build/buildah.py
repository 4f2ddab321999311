"""Debian's buildah as the other builder, with a store of its own.

`python3 tests/build/buildah.py NAME...` prints what it makes of cases of the corpus.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Dict, List, Sequence

import base_image
from cases import Case, all_cases, lay_out, load
from trees import Built, changes, configuration, walk

_DEADLINE_S = 120.0


class BuildFailed(Exception):
    """The message is what the builder printed."""


def run(
    command: Sequence[str], env: "Dict[str, str] | None" = None, cwd: "Path | None" = None
) -> str:
    """Its standard output. Raises BuildFailed."""
    done = subprocess.run(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        timeout=_DEADLINE_S,
        env={**os.environ, **(env or {})},
        cwd=cwd,
    )
    if done.returncode != 0:
        raise BuildFailed("%s\n%s%s" % (" ".join(command), done.stdout, done.stderr[-3000:]))
    return done.stdout


class Buildah:
    """Args:
    directory: for its store; removed by close().
    """

    def __init__(self, directory: Path) -> None:
        self._root, self._run = directory / "root", directory / "run"
        self._places = ["--root", str(self._root), "--runroot", str(self._run)]
        self._places += ["--storage-driver", "overlay"]

    def add_image(self, layout: Path, tag: str, name: str) -> None:
        store = "containers-storage:[overlay@%s+%s]localhost/%s:latest" % (
            self._root,
            self._run,
            name,
        )
        run(["skopeo", "copy", "--insecure-policy", "oci:%s:%s" % (layout, tag), store])

    def command(self, *arguments: str) -> "List[str]":
        return ["buildah", *self._places, *arguments]

    def build_command(self, context: Path, *options: str) -> "List[str]":
        how = ["--isolation=chroot", "--format=docker", "--identity-label=false", "--pull=never"]
        return self.command("bud", *how, *options, str(context))

    def build(self, case: Case, directory: Path, arguments: "Dict[str, str]", agent: str) -> Built:
        """Args:
        directory: an empty one.
        arguments: build arguments besides the case's own.
        agent: socket of an ssh agent.
        """
        context = lay_out(case, directory)
        since = time.time() - 2
        if case.before:
            before = ["--layers=false", "-f", str(case.before), "-t", "before"]
            run(self.build_command(context, *before))
        # A layer for each step, so that the history tells which of them changed files.
        options = ["--layers", "--no-cache", "-t", "dir:%s" % (directory / "image")]
        for name, value in {**arguments, **case.build_args}.items():
            options += ["--build-arg", "%s=%s" % (name, value)]
        options += ["--target", case.target] if case.target else []
        options += ["--ssh", "default"] if case.ssh else []
        for name, value in case.secrets.items():
            file = directory / ("secret-" + name)
            file.write_text(value, encoding="utf-8")
            options += ["--secret", "id=%s,src=%s" % (name, file)]
        run(self.build_command(context, *options), {"SSH_AUTH_SOCK": agent})
        return _read(directory, since)

    def close(self) -> None:
        run(self.command("rm", "--all"))
        run(self.command("rmi", "--all", "--force"))
        subprocess.run(
            ["umount", str(self._root / "overlay")], stderr=subprocess.DEVNULL, check=False
        )


def _read(directory: Path, since: float) -> Built:
    image = directory / "image"
    manifest = json.loads((image / "manifest.json").read_text())
    digest = manifest["config"]["digest"].partition(":")[2]
    config = json.loads((image / digest).read_text())
    layout = "%s:x" % (directory / "layout")
    run(["skopeo", "copy", "--insecure-policy", "dir:%s" % image, "oci:" + layout])
    return Built(unpack(layout, directory / "unpacked", since), configuration(config))


def unpack(image: str, directory: Path, since: float) -> "Dict[str, Dict[str, object]]":
    """The tree of "LAYOUT:TAG" as umoci unpacks it."""
    run(["umoci", "unpack", "--image", image, str(directory)])
    return walk(directory / "rootfs", since)


def base_built(layout: Path, directory: Path) -> Built:
    """The base image itself, read as every other one."""
    run(
        [
            "skopeo",
            "copy",
            "--insecure-policy",
            "oci:%s:base" % layout,
            "dir:%s" % (directory / "image"),
        ]
    )
    return _read(directory, time.time() + 3600)


def main(names: "List[str]") -> None:
    from file_server import FileServer

    with tempfile.TemporaryDirectory(prefix="buildah") as text, FileServer() as server:
        work = Path(text)
        layout = base_image.make_layout(work)
        buildah = Buildah(work)
        buildah.add_image(layout, "base", base_image.NAME)
        (work / "base").mkdir()
        base = base_built(layout, work / "base")
        agent = os.environ.get("SSH_AUTH_SOCK", "")
        for case in map(load, names) if names else all_cases():
            (work / case.name).mkdir()
            print("== %s: %s" % (case.name, case.covers), flush=True)
            try:
                built = buildah.build(case, work / case.name, {"FILES": server.url}, agent)
                print(
                    "\n".join("   " + line for line in changes(base, built, case.times)), flush=True
                )
            except BuildFailed as error:
                print("   %s" % error, flush=True)
        buildah.close()


if __name__ == "__main__":
    main(sys.argv[1:])
