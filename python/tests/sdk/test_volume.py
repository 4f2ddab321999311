"""burrow.Volume against a server in memory."""

from __future__ import annotations

import asyncio
import io
import os
import pickle
import stat
from pathlib import Path
from typing import Callable

import pytest
from small_burrowd import SmallBurrowd
from small_volumes import SmallVolumes

import burrow
from burrow._client.volume_entries import FileEntryType
from burrow.exception import AlreadyExistsError, InvalidError, NotFoundError
from burrow.volume import check_volumes, volume_path


@pytest.fixture
def volumes(burrowd: SmallBurrowd) -> SmallVolumes:
    return SmallVolumes(burrowd)


def made(name: str = "v") -> burrow.Volume:
    return burrow.Volume.from_name(name, create_if_missing=True)


def test_nothing_is_asked_before_the_first_use(volumes: SmallVolumes) -> None:
    burrow.Volume.from_name("weights")
    assert volumes.server.requests == []


def test_an_unknown_volume_is_not_found_unless_it_is_to_be_made(volumes: SmallVolumes) -> None:
    with pytest.raises(NotFoundError, match="no volume 'weights'"):
        burrow.Volume.from_name("weights").hydrate()
    assert made("weights").object_id == "vo-1"
    assert burrow.Volume.from_name("weights").object_id == "vo-1"
    with pytest.raises(InvalidError, match="volume's name"):
        burrow.Volume.from_name("no/name")


def test_what_a_batch_puts_is_there_at_its_end(volumes: SmallVolumes, tmp_path: Path) -> None:
    (tmp_path / "dir/empty").mkdir(parents=True)
    (tmp_path / "dir/sub").mkdir()
    (tmp_path / "dir/a").write_bytes(b"a content")
    (tmp_path / "dir/sub/b").write_bytes(b"b content")
    (tmp_path / "dir/none").write_bytes(b"")
    (tmp_path / "dir/link").symlink_to("a")
    script = tmp_path / "run.sh"
    script.write_bytes(b"#!/bin/sh\n")
    script.chmod(0o755)
    os.utime(script, (1_000, 1_000))
    with made().batch_upload() as batch:
        batch.put_directory(tmp_path / "dir", "/data")
        batch.put_file(script, "bin/")
        batch.put_file(io.BytesIO(b"from memory"), "/notes/today")
        assert volumes.server.called("Volumes/Change") == []
    assert volumes.paths("v") == [
        "bin",
        "bin/run.sh",
        "data",
        "data/a",
        "data/empty",
        "data/link",
        "data/none",
        "data/sub",
        "data/sub/b",
        "notes",
        "notes/today",
    ]
    tree = volumes.trees["vo-1"]
    assert tree[b"bin/run.sh"]["mode"] == stat.S_IFREG | 0o755
    assert tree[b"bin/run.sh"]["mtime"] == "1000"
    assert tree[b"data/link"]["digest"] == tree[b"data/a"]["digest"]
    assert volumes.server.blobs[tree[b"notes/today"]["digest"]] == b"from memory"


def test_only_what_the_server_lacks_is_sent(volumes: SmallVolumes, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"content")
    for _ in range(2):
        with made().batch_upload(force=True) as batch:
            batch.put_file(file, "/file")
    digest = volumes.trees["vo-1"][b"file"]["digest"]
    assert volumes.server.uploads.count(digest) == 1


def test_what_is_there_is_replaced_by_force_alone(volumes: SmallVolumes) -> None:
    volume = made()
    for content in (b"one", b"two"):
        try:
            with volume.batch_upload() as batch:
                batch.put_file(io.BytesIO(content), "/file")
        except FileExistsError as error:
            assert "force=True" in str(error)
    assert b"".join(volume.read_file("/file")) == b"one"
    with volume.batch_upload(force=True) as batch:
        batch.put_file(io.BytesIO(b"two"), "/file")
    assert b"".join(volume.read_file("/file")) == b"two"


def test_nothing_is_put_where_the_block_fails(volumes: SmallVolumes) -> None:
    volume = made()
    with pytest.raises(ZeroDivisionError):
        with volume.batch_upload() as batch:
            batch.put_file(io.BytesIO(b"x"), "/file")
            1 / 0
    assert volume.listdir("/") == []


def test_what_cannot_be_put_is_refused(volumes: SmallVolumes, tmp_path: Path) -> None:
    with made().batch_upload() as batch:
        for remote in ("/", "../a", "a/../../b"):
            with pytest.raises(InvalidError):
                batch.put_file(io.BytesIO(b""), remote)
        with pytest.raises(InvalidError, match="put_directory"):
            batch.put_file(tmp_path, "/x")
        with pytest.raises(InvalidError, match="no directory"):
            batch.put_directory(tmp_path / "nothing", "/x")
        with pytest.raises(InvalidError, match="bytes"):
            batch.put_file(io.StringIO("text"), "/x")  # type: ignore[arg-type]
    with pytest.raises(InvalidError, match="read_only"):
        made().read_only().batch_upload()


def test_directories_are_listed_page_by_page(volumes: SmallVolumes) -> None:
    volume = made()
    with volume.batch_upload() as batch:
        for i in range(7):
            batch.put_file(io.BytesIO(b"%d" % i), "/d/%d" % i)
    volumes.page = 2
    assert [entry.path for entry in volume.listdir("/")] == ["d"]
    assert [entry.path for entry in volume.iterdir("/")] == ["d"] + ["d/%d" % i for i in range(7)]
    (directory,) = volume.listdir("/")
    assert directory.type == FileEntryType.DIRECTORY
    (file,) = volume.listdir("d/3")
    assert (file.path, file.type, file.size) == ("d/3", FileEntryType.FILE, 1)
    with pytest.raises(FileNotFoundError, match="/nothing"):
        volume.listdir("nothing")


def test_a_file_is_read_and_verified(volumes: SmallVolumes) -> None:
    volume = made()
    content = os.urandom(3 << 20)
    with volume.batch_upload() as batch:
        batch.put_file(io.BytesIO(content), "/large")
        batch.put_file(io.BytesIO(b""), "/none")
    assert b"".join(volume.read_file("large")) == content
    assert b"".join(volume.read_file("none")) == b""
    written = io.BytesIO()
    assert volume.read_file_into_fileobj("/large", written) == len(content)
    assert written.getvalue() == content
    with pytest.raises(FileNotFoundError):
        volume.read_file("nothing")
    with pytest.raises(IsADirectoryError):
        volume.read_file("/")
    digest = volumes.trees["vo-1"][b"large"]["digest"]
    volumes.server.blobs[digest] = b"damaged"
    with pytest.raises(burrow.Error, match="damaged"):
        list(volume.read_file("large"))


def test_files_are_removed_and_copied(volumes: SmallVolumes) -> None:
    volume = made()
    with volume.batch_upload() as batch:
        for path in ("a", "d/one", "d/two"):
            batch.put_file(io.BytesIO(path.encode()), path)
    volume.copy_files(["a"], "b")
    volume.copy_files(["a", "b"], "into/")
    assert volumes.paths("v") == ["a", "b", "d", "d/one", "d/two", "into", "into/a", "into/b"]
    with pytest.raises(NotADirectoryError):
        volume.copy_files(["a", "b"], "nowhere")
    refusals: "list[Callable[[], None]]" = [
        lambda: volume.copy_files(["d"], "e"),
        lambda: volume.remove_file("d"),
    ]
    for refused in refusals:
        with pytest.raises(IsADirectoryError, match="recursive"):
            refused()
    volume.copy_files(["d"], "e", recursive=True)
    volume.remove_file("d", recursive=True)
    volume.remove_file("/a")
    assert volumes.paths("v") == ["b", "e", "e/one", "e/two", "into", "into/a", "into/b"]
    with pytest.raises(FileNotFoundError):
        volume.remove_file("a")
    volume.remove_file("/", recursive=True)
    assert volumes.paths("v") == []


def test_volumes_as_a_whole(volumes: SmallVolumes) -> None:
    burrow.Volume.objects.create("one")
    with pytest.raises(AlreadyExistsError):
        burrow.Volume.objects.create("one")
    burrow.Volume.objects.create("one", allow_existing=True)
    burrow.Volume.rename("one", "two")
    assert [volume.name for volume in burrow.Volume.objects.list()] == ["two"]
    burrow.Volume.delete("two")
    with pytest.raises(NotFoundError):
        burrow.Volume.objects.delete("two")
    burrow.Volume.objects.delete("two", allow_missing=True)


def test_an_ephemeral_one_is_deleted_once_nobody_has_it(volumes: SmallVolumes) -> None:
    with burrow.Volume.ephemeral() as volume:
        assert list(volumes.names) == [volume.name]
        volumes.busy = 2
    assert volumes.names == {}
    assert len(volumes.server.called("Volumes/Delete")) == 3


def test_in_event_loops(volumes: SmallVolumes) -> None:
    async def use() -> "list[str]":
        async with burrow.Volume.ephemeral() as volume:
            async with volume.batch_upload() as batch:
                batch.put_file(io.BytesIO(b"x"), "/file")
            parts = [part async for part in volume.read_file.aio("/file")]
            assert parts == [b"x"]
            await volume.copy_files.aio(["file"], "other")
            return [entry.path for entry in await volume.listdir.aio("/")]

    assert asyncio.run(use()) == ["file", "other"]
    assert volumes.names == {}


def test_commit_and_reload_are_for_containers(
    volumes: SmallVolumes, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = made()
    for refused in (volume.commit, volume.reload):
        with pytest.raises(InvalidError, match="in containers"):
            refused()
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    volume.commit()
    volume.reload()
    assert volumes.server.called("Volumes/Commit") == [{"volumeId": "vo-1"}]
    assert volumes.server.called("Volumes/Reload") == [{"volumeId": "vo-1"}]
    with pytest.raises(InvalidError, match="read_only"):
        volume.read_only().commit()


def test_functions_are_published_with_the_ids_of_their_volumes(
    burrowd: SmallBurrowd, volumes: SmallVolumes
) -> None:
    app = burrow.App("shop", volumes={"/common": made("common")})

    @app.function(serialized=True, volumes={"/data/": made("data").read_only()})
    def f() -> None:
        pass

    options = app.functions["f"].options
    assert sorted(options.volumes) == ["/common", "/data"]
    from burrow.volume import mount_messages

    assert mount_messages(options.volumes) == [
        {"volumeId": "vo-1", "path": "/common", "readOnly": False},
        {"volumeId": "vo-2", "path": "/data", "readOnly": True},
    ]


def test_paths_of_mounts_are_checked() -> None:
    for bad in ("data", "/", "//", "/a/../b", 3):
        with pytest.raises(InvalidError):
            check_volumes({bad: made()})
    with pytest.raises(InvalidError, match="burrow.Volume"):
        check_volumes({"/data": "weights"})
    with pytest.raises(InvalidError, match="dict"):
        check_volumes([made()])
    assert volume_path("//a/./b/") == "a/b"
    assert volume_path("/") == ""


def test_a_volume_travels_by_name() -> None:
    volume = burrow.Volume.from_name("weights").read_only()
    assert pickle.loads(pickle.dumps(volume)) == volume


def test_other_options_may_be_other_volumes(burrowd: SmallBurrowd, volumes: SmallVolumes) -> None:
    from burrow._client.calls import default_call_client
    from burrow._overrides import overrides

    given = overrides({"volumes": {"/data": made()}})
    assert volumes.server.requests == [], "they are looked up when they are needed"
    burrowd.methods["Apps/Bind"] = lambda request: {"functionId": "fu-2"}
    assert default_call_client().bind("fu-1", {}, given) == "fu-2"
    (bound,) = volumes.server.called("Apps/Bind")
    mount = {"volumeId": "vo-1", "path": "/data", "readOnly": False}
    assert bound["overrides"] == {"volumes": {"mounts": [mount]}}
