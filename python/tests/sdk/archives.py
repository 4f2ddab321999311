"""Archives of images for tests: OCI layouts and docker-archives with layers of any bytes."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any, Dict, List, Tuple

Member = Tuple[str, bytes]


def write_tar(path: Path, members: "List[Member]", mode: str = "w") -> None:
    with tarfile.open(str(path), mode) as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def members_of(archive: bytes) -> "Dict[str, bytes]":
    found: Dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read()
    return found


def docker_members(layers: "List[bytes]", **more: "List[bytes]") -> "List[Member]":
    """One image, and others by their tags."""
    manifest, members = [], []
    for tag, contents in {"image": layers, **more}.items():
        names = ["%s%d/layer.tar" % (tag, number) for number in range(len(contents))]
        members += list(zip(names, contents))
        members.append((tag + ".json", b'{"config of": "%s"}' % tag.encode()))
        manifest.append({"Config": tag + ".json", "Layers": names, "RepoTags": [tag + ":1"]})
    return [*members, ("manifest.json", json.dumps(manifest).encode())]


def layout_members(*images: "List[bytes]") -> "List[Member]":
    """An index with a manifest for each image, which says nothing of platforms."""
    members: List[Member] = []

    def add(content: bytes) -> "Dict[str, Any]":
        digest = hashlib.sha256(content).hexdigest()
        members.append(("blobs/sha256/" + digest, content))
        return {"digest": "sha256:" + digest, "size": len(content)}

    manifests = []
    for number, layers in enumerate(images):
        config = add(b'{"config of": %d}' % number)
        document = {"config": config, "layers": [add(layer) for layer in layers]}
        manifests.append(add(json.dumps(document).encode()))
    index = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    return [("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'), ("index.json", index), *members]


def write_directory(path: Path, members: "List[Member]") -> None:
    for name, content in members:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)


def blob_name(content: bytes) -> str:
    return "blobs/sha256/" + hashlib.sha256(content).hexdigest()
