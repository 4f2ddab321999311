"""Layers may be compressed in any way that registries and layouts know."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Callable

import pytest

from daemon import Run
from real_images import differences, run, unpack, walk
from registries import DockerRegistry
from transfers import exported, import_image


def recompressed(image: str, compression: str, directory: Path) -> Path:
    """A layout of the same image whose layers are compressed by zstd, or not at all ("none")."""
    layout, copy = directory / compression, ["skopeo", "copy", "--insecure-policy"]
    target = "oci:%s:latest" % layout
    if compression == "none":
        plain = "dir:%s" % (directory / "plain")
        run(*copy, "--dest-decompress", "oci:" + image, plain)
        run(*copy, "--dest-oci-accept-uncompressed-layers", plain, target)
    else:
        run(*copy, "--dest-compress-format", compression, "oci:" + image, target)
    return layout


@pytest.mark.parametrize("place", ["layout", "registry"])
@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_layers_may_be_compressed_by_zstd_or_not_at_all(
    burrow: Run,
    registry: DockerRegistry,
    own_layer: Callable[[str], str],
    tmp_path: Path,
    compression: str,
    place: str,
) -> None:
    image = own_layer(compression + place)
    layout = recompressed(image, compression, tmp_path)
    source = "oci:%s:latest" % layout
    kind = "tar+zstd" if compression == "zstd" else "layer.v1.tar"
    (layer,) = json.loads(run("skopeo", "inspect", "--raw", source))["layers"]
    assert layer["mediaType"].endswith(kind)
    if place == "registry":
        registry.push_as_it_is(layout, "own")
        source = registry.host + "/own"
    expected = walk(unpack(image, tmp_path / "expected"))
    found = exported(burrow, import_image(burrow, source), tmp_path)
    assert differences(expected, walk(found)) == []
