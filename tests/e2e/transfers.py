"""What tests that move images in and out share."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest

from daemon import BURROWD, Daemon, Run
from real_images import run, unpack


def needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))


def import_image(burrow: Run, *arguments: str) -> str:
    done = burrow("image", "import", *arguments)
    assert done.returncode == 0, done.stderr
    found = re.match(r"(im-\w+) ", done.stdout)
    assert found, done.stdout
    return found.group(1)


def exported(burrow: Run, image: str, directory: Path) -> Path:
    """The tree that umoci unpacks from an export."""
    archive, layout = directory / "out.tar", directory / "out"
    done = burrow("image", "export", image, str(archive))
    assert done.returncode == 0, done.stderr
    layout.mkdir()
    run("tar", "-xf", str(archive), "-C", str(layout))
    return unpack("%s:latest" % layout, directory / "exported")


def index_of(daemon: Daemon, image: str) -> str:
    request = urllib.request.Request(
        daemon.url + "/burrow.v1.Images/List",
        data=b"{}",
        headers={
            "Authorization": "Bearer " + json.loads(daemon.config.read_text())["token"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        images = json.load(answer)["images"]
    (digest,) = [item["indexDigest"] for item in images if item["imageId"] == image]
    return str(digest)


@contextmanager
def mounted(daemon: Daemon, index: str, directory: Path, image_fs: str) -> Iterator[Path]:
    token, root = directory / "token", directory / "root"
    token.write_text(json.loads(daemon.config.read_text())["token"])
    root.mkdir()
    where = ["--control", daemon.url, "--token-file", str(token)]
    options = ["--state-dir", str(directory / "mount"), "--image-fs", image_fs, "--read-only"]
    process = subprocess.Popen(
        [BURROWD, "mount", *where, *options, index, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    try:
        assert process.stdout and process.stdout.readline() == "mounted %s\n" % root
        yield root
    finally:
        process.terminate()
        process.wait(30)
