"""Of an archive only what the server lacks is sent."""

from __future__ import annotations

import json
import os
import tarfile
from pathlib import Path
from typing import Any, Callable, Dict, List

import pytest
from archives import (
    Member,
    blob_name,
    docker_members,
    layout_members,
    members_of,
    write_directory,
    write_tar,
)
from fake_server import FakeServer

from burrow._client.transport import Transport
from burrow.cli.archive_import import import_archive
from burrow.cli.import_source import ImportSource, parse_source
from burrow.cli.transfer_report import TransferReport
from burrow.exception import InvalidError

BASE, OWN = b"the base" * 1000, b"the own layer" * 777
IMAGE = {"image": {"imageId": "im-1"}}


class Importing:
    """A server of which each import ends as the next of `answers` says."""

    def __init__(
        self, server: FakeServer, transport: Transport, *answers: "Dict[str, Any]"
    ) -> None:
        self.requests: List[Dict[str, Any]] = []
        self._server, self._transport, self._answers = server, transport, list(answers)

    def run(self, source: "ImportSource | Path") -> "Dict[str, Any]":
        if not isinstance(source, ImportSource):
            source = parse_source(str(source))
        with TransferReport() as report:
            return import_archive(self._transport, source, report, self._import)

    def _import(self, request: "Dict[str, Any]") -> "Dict[str, Any]":
        self.requests.append(request["archive"])
        return self._answers.pop(0)

    def sent(self) -> "List[Dict[str, bytes]]":
        return [members_of(archive) for archive in self._server.archives]


Start = Callable[..., Importing]


@pytest.fixture
def start(server: FakeServer, transport: Transport) -> Start:
    return lambda *answers: Importing(server, transport, *answers)


def wanted(*names: str) -> "Dict[str, Any]":
    return {"wanted": {"members": list(names)}}


def make(path: Path, form: str, members: "List[Member]") -> Path:
    if form == "directory":
        write_directory(path, members)
    else:
        write_tar(path, members)
    return path


@pytest.mark.parametrize("form", ["directory", "tar"])
def test_of_a_layout_documents_go_first_and_then_the_layers_that_are_wanted(
    start: Start, tmp_path: Path, form: str
) -> None:
    members = layout_members([BASE, OWN])
    importing = start(wanted(blob_name(OWN)), IMAGE)
    assert importing.run(make(tmp_path / "image", form, members)) == IMAGE["image"]
    first, second = importing.sent()
    layers = (blob_name(BASE), blob_name(OWN))
    documents = {n: c for n, c in members if n not in layers and n != "oci-layout"}
    assert first == documents
    assert second == {**documents, blob_name(OWN): OWN}
    assert [request["upload"] for request in importing.requests] == ["up-1", "up-2"]
    assert all(request["partial"] for request in importing.requests)
    assert {request["kind"] for request in importing.requests} == {"ARCHIVE_KIND_OCI"}


def test_of_a_docker_archive_documents_go_first_and_then_the_layers_that_are_wanted(
    start: Start, tmp_path: Path
) -> None:
    members = docker_members([BASE, OWN], other=[b"another"])
    importing = start(wanted("image1/layer.tar"), IMAGE)
    importing.run(make(tmp_path / "image.tar", "tar", members))
    documents = {name: content for name, content in members if name.endswith(".json")}
    assert importing.sent() == [documents, {**documents, "image1/layer.tar": OWN}]
    assert {request["kind"] for request in importing.requests} == {"ARCHIVE_KIND_DOCKER"}


def test_no_layer_of_a_known_image_is_sent(
    start: Start, server: FakeServer, tmp_path: Path
) -> None:
    importing = start(IMAGE)
    importing.run(make(tmp_path / "image.tar", "tar", docker_members([os.urandom(1 << 20)])))
    assert len(server.archives) == 1 and len(server.archives[0]) < 16_384


def test_documents_of_all_platforms_are_sent(start: Start, tmp_path: Path) -> None:
    inner = dict(layout_members([BASE], [OWN]))
    nested = inner.pop("index.json")
    outer = {"manifests": [{"digest": "sha256:" + blob_name(nested)[-64:], "size": len(nested)}]}
    members = [*inner.items(), (blob_name(nested), nested)]
    members += [("index.json", json.dumps(outer).encode())]
    importing = start(IMAGE)
    importing.run(make(tmp_path / "image", "directory", members))
    (sent,) = importing.sent()
    layers = {blob_name(BASE), blob_name(OWN), "oci-layout"}
    assert set(sent) == {name for name, _ in members} - layers


def test_a_layer_that_the_server_has_lost_meanwhile_is_sent_after_all(
    start: Start, tmp_path: Path
) -> None:
    importing = start(wanted("image1/layer.tar"), wanted("image0/layer.tar"), IMAGE)
    importing.run(make(tmp_path / "image.tar", "tar", docker_members([BASE, OWN])))
    last = importing.sent()[-1]
    assert (last["image0/layer.tar"], last["image1/layer.tar"]) == (BASE, OWN)


@pytest.mark.parametrize("names", [["image1/layer.tar"], ["manifest.json"], []])
def test_a_server_that_asks_again_for_what_it_has_gets_all(
    start: Start, server: FakeServer, tmp_path: Path, names: "List[str]"
) -> None:
    path = make(tmp_path / "image.tar", "tar", docker_members([BASE, OWN]))
    importing = start(wanted(*names), wanted(*names), IMAGE)
    if not names:
        importing = start(wanted(), IMAGE)
    assert importing.run(path) == IMAGE["image"]
    assert server.archives[-1] == path.read_bytes()
    assert "partial" not in importing.requests[-1]


@pytest.mark.parametrize("form", ["directory", "tar"])
@pytest.mark.parametrize(
    "name", ["../secret", "/etc/passwd", "blobs", "secret/../oci-layout", "\0"]
)
def test_a_server_gets_no_file_that_is_not_the_archive_s(
    start: Start, tmp_path: Path, form: str, name: str
) -> None:
    (tmp_path / "secret").write_text("secret")
    path = make(tmp_path / "image", form, layout_members([BASE]))
    with pytest.raises(InvalidError, match="image has no '.*which is a layer"):
        start(wanted(name)).run(path)


def test_a_link_out_of_a_layout_is_not_followed(start: Start, tmp_path: Path) -> None:
    path = make(tmp_path / "image", "directory", layout_members([BASE]))
    (tmp_path / "secret").write_text("secret")
    (path / blob_name(BASE)).unlink()
    (path / blob_name(BASE)).symlink_to(tmp_path / "secret")
    (path / "more").symlink_to(tmp_path)
    for name in (blob_name(BASE), "more/secret"):
        with pytest.raises(InvalidError, match="which is a layer"):
            start(wanted(name)).run(path)


def test_an_archive_without_a_layer_that_is_wanted_is_an_error(
    start: Start, server: FakeServer, tmp_path: Path
) -> None:
    members = [m for m in docker_members([BASE, OWN]) if m[0] != "image1/layer.tar"]
    path = make(tmp_path / "image.tar", "tar", members)
    with pytest.raises(InvalidError, match="image.tar has no 'image1/layer.tar'"):
        start(wanted("image1/layer.tar")).run(path)
    assert len(server.archives) == 1


def test_links_of_old_docker_archives_mean_another_member(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "image.tar"
    write_tar(path, docker_members([BASE]))
    with tarfile.open(str(path), "a") as tar:
        for name, kind, target in (
            ("one/layer.tar", tarfile.SYMTYPE, "../image0/layer.tar"),
            ("two/layer.tar", tarfile.LNKTYPE, "image0/layer.tar"),
        ):
            link = tarfile.TarInfo(name)
            link.type, link.linkname = kind, target
            tar.addfile(link)
    importing = start(wanted("one/layer.tar", "two/layer.tar"), IMAGE)
    importing.run(path)
    last = importing.sent()[-1]
    assert (last["one/layer.tar"], last["two/layer.tar"]) == (BASE, BASE)


def cut_in_a_layer(whole: bytes) -> bytes:
    return whole[: whole.index(OWN) + 5]


def cut_in_a_header(whole: bytes) -> bytes:
    return whole[: whole.index(b"manifest.json\0") + 100]


def without_its_end(whole: bytes) -> bytes:
    return whole.rstrip(b"\0") + bytes(-len(whole.rstrip(b"\0")) % 512)


def damaged_behind_its_documents(whole: bytes) -> bytes:
    at = whole.rindex(b"image1/layer.tar")
    return whole[:at] + b"?" + whole[at + 1 :]


@pytest.mark.parametrize(
    "damage", [cut_in_a_layer, cut_in_a_header, without_its_end, damaged_behind_its_documents]
)
def test_an_archive_that_is_cut_or_damaged_is_for_the_server_to_judge(
    start: Start, server: FakeServer, tmp_path: Path, damage: "Callable[[bytes], bytes]"
) -> None:
    path = tmp_path / "image.tar"
    members = docker_members([BASE, OWN])
    write_tar(path, [members[-1], *members[:-1]] if "behind" in damage.__name__ else members)
    path.write_bytes(damage(path.read_bytes()))
    importing = start(IMAGE)
    importing.run(path)
    assert server.archives == [path.read_bytes()]
    assert importing.requests[0]["kind"] == "ARCHIVE_KIND_UNSPECIFIED"
    assert "partial" not in importing.requests[0]


@pytest.mark.parametrize(
    "manifest",
    [b"no JSON", b"[" * 100_000, b'"\xff"', b" " * ((8 << 20) + 1)],
    ids=["words", "nested", "no_unicode", "large"],
)
def test_documents_that_are_none_are_for_the_server_to_judge(
    start: Start, server: FakeServer, tmp_path: Path, manifest: bytes
) -> None:
    path = tmp_path / "image.tar"
    write_tar(path, [("manifest.json", manifest), ("layer.tar", BASE)])
    start(IMAGE).run(path)
    assert server.archives == [path.read_bytes()]


@pytest.mark.parametrize("mode", ["w:gz", "w"])
def test_a_tree_and_what_is_compressed_go_whole(
    start: Start, server: FakeServer, tmp_path: Path, mode: str
) -> None:
    path = tmp_path / "archive"
    members = docker_members([BASE]) if mode == "w:gz" else [("etc/issue", b"hello")]
    write_tar(path, members, mode)
    start(IMAGE).run(path)
    assert server.archives == [path.read_bytes()]


def test_a_tree_that_looks_like_an_image_goes_whole(
    start: Start, server: FakeServer, tmp_path: Path
) -> None:
    path = make(tmp_path / "tree.tar", "tar", docker_members([BASE]))
    start(IMAGE).run(parse_source("rootfs:%s" % path))
    assert server.archives == [path.read_bytes()]


def test_what_comes_through_a_pipe_is_read_once(
    start: Start, server: FakeServer, tmp_path: Path
) -> None:
    path = make(tmp_path / "image.tar", "tar", docker_members([BASE]))
    reading, writing = os.pipe()
    os.write(writing, path.read_bytes())
    os.close(writing)
    try:
        start(IMAGE).run(ImportSource("/dev/fd/%d" % reading))
    finally:
        os.close(reading)
    assert server.archives == [path.read_bytes()]


def test_a_header_that_claims_gigabytes_is_not_read(
    start: Start, server: FakeServer, tmp_path: Path
) -> None:
    path = make(tmp_path / "image.tar", "tar", docker_members([BASE]))
    extended = tarfile.TarInfo("pax")
    extended.type, extended.size = tarfile.XHDTYPE, 1 << 40
    path.write_bytes(extended.tobuf(tarfile.GNU_FORMAT) + path.read_bytes())
    start(IMAGE).run(path)
    assert server.archives == [path.read_bytes()]
