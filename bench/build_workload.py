"""What the benchmark `build` builds: base images, contexts, and the same commands without any builder."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Sequence

from measurement import BenchError
from processes import run

FILES = 30_000
STEPS = 20
STAGES = 4
RECIPE_STEPS = 10
SMALL, LARGE = "bench-small", "bench-large"
_BUSYBOX = "/bin/busybox"
_PATH = "PATH=/bin"

# What one step does: some processes, some files, some bytes.
_STEP = (
    "mkdir -p /made/%(n)d && seq 1 5000 > /made/%(n)d/numbers && "
    "sort -r /made/%(n)d/numbers | sha256sum > /made/%(n)d/sum && "
    "for i in 1 2 3 4 5; do cp /made/%(n)d/numbers /made/%(n)d/copy$i; done"
)

# What an app does with its image before it runs.
_BUILDS_IMAGE = """
from burrow._client.blobs import BlobClient
from burrow._client.build_stream import BuildState, follow_build
from burrow._client.config import load_config
from burrow._client.digest_cache import DigestCache
from burrow._client.image_steps import compile_steps
from burrow._client.reporter import Reporter
from burrow._client.transport import Transport

transport, digests = Transport(load_config()), DigestCache()
compiled = compile_steps(image, digests)
compiled.upload(BlobClient(transport))
info = follow_build(transport, compiled.request(), Reporter(), BuildState())
digests.save()
print(info["imageId"])
"""


class Workload:
    """Paths of what was made.

    Attributes:
        small, large: OCI layouts with the tag "b": busybox, and busybox with FILES files.
    """

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self.small = os.path.join(directory, "small")
        self.large = os.path.join(directory, "large")
        self.root = os.path.join(directory, "small-root")

    def make(self) -> None:
        """Raises BenchError."""
        if not os.access(_BUSYBOX, os.X_OK):
            raise BenchError("There is no %s: install busybox-static." % _BUSYBOX)
        _make_root(self.root)
        large = os.path.join(self._directory, "large-root")
        shutil.copytree(self.root, large, symlinks=True)
        _add_files(large)
        for root, layout in ((self.root, self.small), (large, self.large)):
            image = layout + ":b"
            run(["umoci", "init", "--layout", layout])
            run(["umoci", "new", "--image", image])
            run(["umoci", "insert", "--image", image, root, "/"])
            run(["umoci", "config", "--image", image, "--config.env", _PATH])
        shutil.rmtree(large)

    def context(self, name: str, dockerfile: str) -> str:
        """A directory with a Dockerfile and an app of a few files."""
        place = os.path.join(self._directory, "context-" + name)
        os.makedirs(os.path.join(place, "app"))
        write(os.path.join(place, "Dockerfile"), dockerfile)
        for number in range(20):
            write(os.path.join(place, "app", "module%d.py" % number), "VALUE = %d\n" % number)
        return place

    def recipe_context(self, name: str) -> str:
        """A context with recipe.py, a Dockerfile of the same steps, and a Dockerfile of the recipe's base."""
        program, dockerfile = recipe()
        place = self.context(name, dockerfile)
        write(os.path.join(place, "recipe.py"), program)
        os.mkdir(os.path.join(place, "base"))
        write(os.path.join(place, "base", "Dockerfile"), "FROM %s\n" % SMALL)
        return place

    def own_time(self, groups: "Sequence[Sequence[str]]") -> float:
        """Milliseconds that commands take under chroot alone: groups side by side, each one after another."""

        def one(commands: "Sequence[str]") -> None:
            for command in commands:
                run(["chroot", root, "/bin/sh", "-c", command], env={"PATH": "/bin:/usr/sbin"})

        root = os.path.join(self._directory, "own-root")
        shutil.rmtree(root, ignore_errors=True)
        shutil.copytree(self.root, root, symlinks=True)
        began = time.monotonic()
        with ThreadPoolExecutor(len(groups)) as pool:
            list(pool.map(one, groups))
        return (time.monotonic() - began) * 1000


def write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def one_file() -> str:
    """An app upon the large image."""
    return 'FROM %s\nWORKDIR /app\nCOPY app/ /app/\nCMD ["sh", "/app/module0.py"]\n' % LARGE


def touch_run(mark: str) -> str:
    """A command that changes one file of the large image, and that no cache knows."""
    return "FROM %s\nRUN echo %s > /data/d7/f7\n" % (LARGE, mark)


def unchanged() -> str:
    """Files and commands upon the large image."""
    return (
        one_file() + "RUN echo installed > /installed\nENV MODE=release\nRUN ls /app > /listing\n"
    )


def recipe() -> "tuple[str, str]":
    """RECIPE_STEPS steps upon the small image: a program that builds a recipe of them, and a Dockerfile."""
    steps = ["burrow.Image.from_dockerfile('base/Dockerfile')"]
    lines = ["FROM " + SMALL]
    for n in range(RECIPE_STEPS // 5):
        steps += [
            ".run_commands('echo made > /made%d')" % n,
            ".env({'MODE%d': 'release'})" % n,
            ".workdir('/work%d')" % n,
            ".add_local_dir('app', '/app%d')" % n,
            ".run_commands('ls /app%d > /listing%d')" % (n, n),
        ]
        lines += [
            "RUN echo made > /made%d" % n,
            "ENV MODE%d=release" % n,
            "WORKDIR /work%d" % n,
            "COPY app/ /app%d" % n,
            "RUN ls /app%d > /listing%d" % (n, n),
        ]
    program = "import burrow\nimage = (\n    %s\n)\n" % "\n    ".join(steps)
    return program + _BUILDS_IMAGE, "\n".join(lines) + "\n"


def twenty_steps() -> "tuple[str, list[list[str]]]":
    """A Dockerfile, and its commands."""
    commands = [_STEP % {"n": number} for number in range(STEPS)]
    lines = ["FROM " + SMALL] + ["RUN " + command for command in commands]
    return "\n".join(lines) + "\n", [commands]


def four_stages() -> "tuple[str, list[list[str]]]":
    """A Dockerfile, and the commands of each stage."""
    lines: "list[str]" = []
    groups = []
    for stage in range(STAGES):
        commands = [_STEP % {"n": 10 * stage + number} for number in range(3)]
        lines += ["FROM %s AS s%d" % (SMALL, stage)] + ["RUN " + command for command in commands]
        groups.append(commands)
    lines += ["FROM " + SMALL]
    lines += ["COPY --from=s%d /made /made" % stage for stage in range(STAGES)]
    return "\n".join(lines) + "\n", groups


def _make_root(root: str) -> None:
    for name in ("bin", "etc", "tmp", "proc", "sys", "dev", "root"):
        os.makedirs(os.path.join(root, name))
    shutil.copy(_BUSYBOX, os.path.join(root, "bin/busybox"))
    listed = subprocess.run([_BUSYBOX, "--list"], check=True, stdout=subprocess.PIPE, text=True)
    for applet in listed.stdout.split():
        if applet != "busybox":
            os.symlink("busybox", os.path.join(root, "bin", applet))
    write(os.path.join(root, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n")
    write(os.path.join(root, "etc/group"), "root:x:0:\n")
    for name in ("hosts", "hostname", "resolv.conf"):
        write(os.path.join(root, "etc", name), "")


def _add_files(root: str) -> None:
    chance = random.Random(1)
    for number in range(FILES):
        directory = os.path.join(root, "data", "d%d" % (number % 300))
        os.makedirs(directory, exist_ok=True)
        with open(os.path.join(directory, "f%d" % (number // 300)), "wb") as file:
            file.write(chance.randbytes(chance.randrange(100, 4000)))
