"""Images of given layers, as the archives of several tools."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import platform
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Sequence

OCI = "application/vnd.oci.image."
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


def own_architecture() -> str:
    """As registries call it."""
    return ARCHITECTURES.get(platform.machine(), platform.machine())


def layer_of(contents: "Dict[str, bytes]") -> bytes:
    """A layer's tar: files below directories that it names."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return out.getvalue()


def random_layer(name: str, size: int) -> bytes:
    return layer_of({name: os.urandom(size)})


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def compressed(layer: bytes) -> bytes:
    """As it lies in a layout; the same each time."""
    return gzip.compress(layer, 1, mtime=0)


def config_of(layers: "Sequence[bytes]", architecture: str) -> bytes:
    diff_ids = ["sha256:" + digest(layer) for layer in layers]
    rootfs = {"type": "layers", "diff_ids": diff_ids}
    return json.dumps({"os": "linux", "architecture": architecture, "rootfs": rootfs}).encode()


def write_layout(layout: Path, images: "Dict[str, Sequence[bytes]]") -> Path:
    """An OCI layout with an image for each architecture, compressed by gzip."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(content: bytes, kind: str) -> "Dict[str, Any]":
        (blobs / digest(content)).write_bytes(content)
        return {
            "mediaType": OCI + kind,
            "size": len(content),
            "digest": "sha256:" + digest(content),
        }

    manifests: "List[Dict[str, Any]]" = []
    for architecture, layers in images.items():
        packed = [compressed(layer) for layer in layers]
        manifest = {
            "schemaVersion": 2,
            "mediaType": OCI + "manifest.v1+json",
            "config": add(config_of(layers, architecture), "config.v1+json"),
            "layers": [add(layer, "layer.v1.tar+gzip") for layer in packed],
        }
        described = add(json.dumps(manifest).encode(), "manifest.v1+json")
        platform_of = {"os": "linux", "architecture": architecture}
        manifests.append({**described, "platform": platform_of})
    (layout / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
    index = {"schemaVersion": 2, "mediaType": OCI + "index.v1+json", "manifests": manifests}
    (layout / "index.json").write_text(json.dumps(index))
    return layout


def write_docker_archive(path: Path, layers: "Sequence[bytes]") -> Path:
    """What `docker save` writes of one image, its manifest last."""
    names = ["%s/layer.tar" % digest(layer) for layer in layers]
    manifest = [{"Config": "config.json", "RepoTags": ["some:tag"], "Layers": names}]
    members = dict(zip(names, layers))
    members["config.json"] = config_of(layers, own_architecture())
    members["manifest.json"] = json.dumps(manifest).encode()
    path.write_bytes(layer_of(members))
    return path
