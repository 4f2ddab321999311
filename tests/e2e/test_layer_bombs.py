"""Layers of registries that turn into far more than they are, are refused in a sentence and leave nothing."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import pytest

from daemon import Daemon
from leftovers import used_bytes
from registries import DockerRegistry
from transfers import needs

MIB = 1 << 20


def _zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout


def _header(name: str, size: int) -> bytes:
    member = tarfile.TarInfo(name)
    member.size = size
    return member.tobuf(tarfile.GNU_FORMAT)


def _one_file(compress: "Callable[[bytes], bytes]") -> bytes:
    """64 GiB of zeros."""
    return compress(_header("bomb", 64 << 30)) + compress(bytes(64 * MIB)) * 1024


def _behind_its_end(compress: "Callable[[bytes], bytes]") -> bytes:
    """A small file, the end of the tar, and zeros that nobody asked for."""
    small = _header("small", 5) + b"small".ljust(512, b"\0") + bytes(1024)
    return compress(small) + compress(bytes(64 * MIB)) * 1024


BOMBS: "Dict[str, Tuple[str, Callable[[], bytes]]]" = {
    "gzip": ("gzip", lambda: _one_file(gzip.compress)),
    "zstd": ("zstd", lambda: _one_file(_zstd)),
    "behind_its_end": ("zstd", lambda: _behind_its_end(_zstd)),
}


def write_layout(layout: Path, layer: bytes, compression: str) -> None:
    """An image of one layer, whose digest once it is decompressed is never reached."""
    blobs = layout / "blobs/sha256"
    blobs.mkdir(parents=True)

    def add(content: bytes, media_type: str) -> "Dict[str, Any]":
        digest = hashlib.sha256(content).hexdigest()
        (blobs / digest).write_bytes(content)
        return {"mediaType": media_type, "size": len(content), "digest": "sha256:" + digest}

    oci = "application/vnd.oci.image."
    config = {
        "architecture": "amd64",
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + "0" * 64]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": oci + "manifest.v1+json",
        "config": add(json.dumps(config).encode(), oci + "config.v1+json"),
        "layers": [add(layer, oci + "layer.v1.tar+" + compression)],
    }
    described = add(json.dumps(manifest).encode(), manifest["mediaType"])
    (layout / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [described]}))


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_of_a_registry_is_refused_and_leaves_nothing(
    daemon: Daemon, registry: DockerRegistry, tmp_path: Path, name: str
) -> None:
    needs("zstd")
    compression, make = BOMBS[name]
    write_layout(tmp_path / "layout", make(), compression)
    registry.push_as_it_is(tmp_path / "layout", "bomb")
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text("FROM %s/bomb\nCMD true\n" % registry.host)
    before = used_bytes(daemon.state)
    refused = daemon.burrow("build", str(context))
    assert refused.returncode == 1, refused.stdout + refused.stderr
    (said,) = [line for line in refused.stderr.splitlines() if line.startswith("Error: ")]
    assert "failed: layer 1 of 1: " in said and "than an import" in said
    assert used_bytes(daemon.state) - before < 16 * MIB
