"""Of archives of this machine only layers that the server does not know go over the wire."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Iterator

import pytest

from daemon import Daemon
from layered import (
    digest,
    layer_of,
    own_architecture,
    random_layer,
    write_docker_archive,
    write_layout,
)
from real_images import run
from relay import Relay
from transfers import index_of

LAYER = 2_000_000
DOCUMENTS = 100_000  # what goes without any layer is less


class Watched:
    """`burrow image import` past somebody who counts what it sends."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._relay = Relay(daemon.url)
        token = json.loads(daemon.config.read_text())["token"]
        self._environment = daemon.environment(BURROW_URL=self._relay.url, BURROW_TOKEN=token)
        self.sent = 0  # by the last import

    def attempt(self, source: object) -> "subprocess.CompletedProcess[str]":
        self._relay.sent_bytes()
        done = self._daemon.burrow("image", "import", str(source), env=self._environment)
        self.sent = self._relay.sent_bytes()
        return done

    def image(self, source: object) -> str:
        done = self.attempt(source)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()[0]

    def close(self) -> None:
        self._relay.close()


@pytest.fixture
def watched(daemon: Daemon) -> Iterator[Watched]:
    watched = Watched(daemon)
    yield watched
    watched.close()


def test_an_image_that_is_known_needs_no_layer_in_whatever_archive_it_comes(
    watched: Watched, tmp_path: Path
) -> None:
    layers = [random_layer("base", LAYER), random_layer("own", LAYER)]
    docker = write_docker_archive(tmp_path / "docker.tar", layers)
    layout = write_layout(tmp_path / "layout", {own_architecture(): layers})
    run("tar", "-cf", str(tmp_path / "oci.tar"), "-C", str(layout), ".")
    image = watched.image(docker)
    assert watched.sent > 2 * LAYER
    for source in (docker, layout, tmp_path / "oci.tar", "docker-archive:%s:some:tag" % docker):
        assert watched.image(source) == image
        assert watched.sent < DOCUMENTS, source


def test_of_an_image_upon_a_known_base_its_own_layer_alone_is_sent(
    daemon: Daemon, watched: Watched, tmp_path: Path
) -> None:
    base = random_layer("base", 3 * LAYER)
    own = {"own": b"own", "large": random_layer("x", LAYER)}
    watched.image(write_docker_archive(tmp_path / "base.tar", [base]))
    assert watched.sent > 3 * LAYER
    layout = write_layout(tmp_path / "layout", {own_architecture(): [base, layer_of(own)]})
    image = watched.image(layout)
    assert LAYER < watched.sent < 2 * LAYER
    whole = tmp_path / "whole.tar"
    whole.write_bytes(base[: -_end_of(base)] + layer_of(own))
    tree = watched.image("rootfs:%s" % whole)
    assert watched.sent > 4 * LAYER, "a tree is sent whole"
    assert index_of(daemon, image) == index_of(daemon, tree)


def _end_of(tar: bytes) -> int:
    """How many zeros end it."""
    content = len(tar.rstrip(b"\0"))
    return len(tar) - (content + -content % 512)


def test_of_an_index_of_several_platforms_the_server_s_own_layers_alone_are_sent(
    watched: Watched, tmp_path: Path
) -> None:
    other = [random_layer("other", 3 * LAYER)]
    own = [random_layer("own", LAYER)]
    layout = write_layout(tmp_path / "layout", {"s390x": other, own_architecture(): own})
    image = watched.image(layout)
    assert LAYER < watched.sent < 2 * LAYER
    assert image == watched.image(write_layout(tmp_path / "alone", {own_architecture(): own}))
    refused = watched.attempt(write_layout(tmp_path / "foreign", {"s390x": other}))
    assert refused.returncode == 1 and "only for linux/s390x" in refused.stderr
    assert watched.sent < DOCUMENTS


@pytest.mark.parametrize("form", ["docker-archive", "oci"])
def test_an_archive_that_is_cut_is_refused_also_if_its_layers_are_known(
    watched: Watched, tmp_path: Path, form: str
) -> None:
    layers = [random_layer("base", LAYER)]
    archive = tmp_path / "archive.tar"
    if form == "oci":
        layout = write_layout(tmp_path / "layout", {own_architecture(): layers})
        # The layer before what names it: whatever is cut off, documents are.
        blobs = sorted((layout / "blobs/sha256").iterdir(), key=lambda path: -path.stat().st_size)
        names = ["oci-layout", "index.json", *(str(path.relative_to(layout)) for path in blobs)]
        run("tar", "-cf", str(archive), "-C", str(layout), *names)
    else:
        write_docker_archive(archive, layers)
    watched.image(archive)
    whole = archive.read_bytes()
    for kept in (len(whole) // 2, LAYER // 2, 700):
        archive.write_bytes(whole[:kept])
        refused = watched.attempt("%s:%s" % (form, archive))
        assert refused.returncode == 1 and refused.stdout == "", kept
        assert "archive" in refused.stderr and "Traceback" not in refused.stderr


def test_a_layout_that_lacks_an_unknown_layer_is_an_error_that_names_it(
    watched: Watched, tmp_path: Path
) -> None:
    layers = [random_layer("base", LAYER), random_layer("own", LAYER)]
    layout = write_layout(tmp_path / "layout", {own_architecture(): layers})
    largest = max((layout / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
    largest.unlink()
    refused = watched.attempt(layout)
    assert refused.returncode == 1
    assert "layout has no 'blobs/sha256/%s'" % largest.name in refused.stderr


def test_a_layer_of_other_bytes_than_its_image_says_is_refused(
    watched: Watched, tmp_path: Path
) -> None:
    layers = [random_layer("base", LAYER), random_layer("own", LAYER)]
    archive = write_docker_archive(tmp_path / "archive.tar", layers)
    forged = random_layer("own", LAYER)
    whole = archive.read_bytes()
    assert whole.count(layers[1]) == 1 and len(forged) == len(layers[1])
    archive.write_bytes(whole.replace(layers[1], forged))
    refused = watched.attempt(archive)
    assert refused.returncode == 1
    assert "layer 2 of 2" in refused.stderr and digest(layers[1]) in refused.stderr
