"""Images go out as other tools read them, and are compared."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Dict

import pytest

from daemon import Run
from real_images import PACKAGES, differences, run, unpack, walk
from transfers import import_image, needs

Image = Dict[str, Path]


def test_podman_and_skopeo_accept_an_export(burrow: Run, layouts: Image, tmp_path: Path) -> None:
    needs("podman")
    image = import_image(burrow, "oci:%s:latest" % layouts["shell"])
    for kind, transport in (("oci", "oci-archive"), ("docker-archive", "docker-archive")):
        archive = tmp_path / kind
        assert burrow("image", "export", image, str(archive), "--format", kind).returncode == 0
        inspected = json.loads(run("skopeo", "inspect", "--config", "%s:%s" % (transport, archive)))
        assert "MADE=yes" in inspected["config"]["Env"]
        assert inspected["config"]["WorkingDir"] == "/srv"
        assert "Loaded image" in _podman_load(archive, tmp_path)
        again = tmp_path / (kind + ".again")
        assert burrow("image", "export", image, str(again), "--format", kind).returncode == 0
        assert again.read_bytes() == archive.read_bytes()


@pytest.mark.parametrize("form", ["oci", "docker-archive"])
def test_what_skopeo_copies_of_an_export_unpacks_to_the_image_s_tree(
    burrow: Run, layouts: Image, tmp_path: Path, form: str
) -> None:
    expected = walk(unpack("%s:latest" % layouts["python"], tmp_path / "expected"))
    image = import_image(burrow, "oci:%s:latest" % layouts["python"])
    archive, copy = tmp_path / "archive", tmp_path / "copy"
    assert burrow("image", "export", image, str(archive), "--format", form).returncode == 0
    transport = {"oci": "oci-archive"}.get(form, form)
    source = "%s:%s" % (transport, archive)
    run("skopeo", "copy", "--insecure-policy", source, "oci:%s:latest" % copy)
    assert differences(expected, walk(unpack("%s:latest" % copy, tmp_path / "found"))) == []


def _podman_load(archive: Path, directory: Path) -> str:
    """Into a store of its own."""
    policy = directory / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    with tempfile.TemporaryDirectory(prefix="pod") as short:  # podman takes no longer one
        places = ["--root", short + "/root", "--runroot", short + "/run"]
        options = ["--storage-driver=vfs", "load", "--signature-policy", str(policy)]
        return run("podman", *places, *options, "-i", str(archive))


def test_overlap_tells_what_images_share(burrow: Run, layouts: Image, tmp_path: Path) -> None:
    images = [import_image(burrow, "oci:%s:latest" % layouts[name]) for name in PACKAGES]
    picture = tmp_path / "venn.svg"
    done = burrow("image", "overlap", *images, "--svg", str(picture))
    assert done.returncode == 0, done.stderr
    assert " ∩ ".join(images) in done.stdout
    assert picture.read_text().count("<circle") == 3
    trees = [walk(unpack("%s:latest" % layouts[n], tmp_path / n)) for n in PACKAGES]
    contents = [{t[8] for t in tree.values() if t[0].startswith("0o10") and t[4]} for tree in trees]
    shared = len(contents[0] & contents[1] & contents[2])
    (row,) = [line for line in done.stdout.splitlines() if line.startswith(" ∩ ".join(images))]
    assert int(row.split()[5]) == shared
