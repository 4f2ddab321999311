from __future__ import annotations

import base64
import hashlib
import json
import os
import socket
from pathlib import Path
from typing import Any, Dict, List, Tuple

import pytest
from fake_server import FakeServer, read_pack

from burrow._client import context_files
from burrow._client.blobs import BlobClient
from burrow._client.context import ignore_patterns, read_context
from burrow._client.files import LocalFile
from burrow._client.pack import MAX_FRAME, PackWriter
from burrow._client.transport import Transport
from burrow._client.upload import upload
from burrow.exception import InvalidError


def write(root: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def entries(root: Path, ignore: Any = None) -> Dict[bytes, Dict[str, Any]]:
    found = json.loads(read_context(str(root), ignore).manifest)["entries"]
    by_path = {base64.b64decode(entry["path"]): entry for entry in found}
    assert len(by_path) == len(found)
    return by_path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "context"
    path.mkdir()
    return path


def test_an_entry_tells_type_mode_time_and_digest(root: Path) -> None:
    write(root, {"a/run.sh": "echo", "empty": ""})
    (root / "a/run.sh").chmod(0o750)
    os.utime(root / "a/run.sh", ns=(0, 1_700_000_000_123_456_789))
    found = entries(root)
    assert list(found) == [b"a", b"empty", b"a/run.sh"]
    assert found[b"a"]["type"] == "TYPE_DIRECTORY"
    assert found[b"a/run.sh"] == {
        "path": base64.b64encode(b"a/run.sh").decode(),
        "type": "TYPE_FILE",
        "mode": 0o750,
        "mtime": 1_700_000_000,
        "mtimeNs": 123_456_789,
        "size": 4,
        "digest": hashlib.sha256(b"echo").hexdigest(),
    }
    assert "digest" not in found[b"empty"] and found[b"empty"]["type"] == "TYPE_FILE"


def test_a_time_before_1970_has_nanoseconds_that_count_upward(root: Path) -> None:
    write(root, {"old": "x"})
    os.utime(root / "old", ns=(0, -1_500_000_000))
    entry = entries(root)[b"old"]
    assert (entry["mtime"], entry["mtimeNs"]) == (-2, 500_000_000)


def test_a_link_is_sent_as_a_link_wherever_it_leads(root: Path) -> None:
    outside = root.parent / "outside"
    write(outside, {"secret": "s"})
    (root / "to_directory").symlink_to(outside)
    (root / "to_file").symlink_to("/etc/passwd")
    (root / "loop").symlink_to(".")
    (root / "broken").symlink_to("no/such")
    found = entries(root)
    assert set(found) == {b"to_directory", b"to_file", b"loop", b"broken"}
    assert {entry["type"] for entry in found.values()} == {"TYPE_SYMLINK"}
    assert base64.b64decode(found[b"to_file"]["target"]) == b"/etc/passwd"


def test_names_are_bytes(root: Path) -> None:
    name = b"caf\xe9 \xff\n"
    with open(os.fsencode(root) + b"/" + name, "w") as file:
        file.write("x")
    os.symlink(b"\xfe", os.fsencode(root) + b"/link")
    found = entries(root)
    assert set(found) == {name, b"link"}
    assert base64.b64decode(found[b"link"]["target"]) == b"\xfe"


def test_pipes_and_sockets_are_left_out_with_a_note(root: Path) -> None:
    os.mkfifo(root / "pipe")
    write(root, {"file": "x"})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
        context = read_context(str(root))
    assert [file.path for file in context.files] == ["file"]
    assert context.notes == [
        "pipe is a pipe: left out of the context.",
        "socket is a socket: left out of the context.",
    ]


def test_many_notes_are_counted(root: Path) -> None:
    for number in range(13):
        os.mkfifo(root / ("p%02d" % number))
    notes = read_context(str(root)).notes
    assert len(notes) == 11 and notes[-1] == "3 more were left out."


def test_what_is_left_out_is_not_listed(root: Path) -> None:
    write(root, {"keep/a": "1", "drop/deep/b": "2", "c.log": "3"})
    assert set(entries(root, ["drop", "*.log"])) == {b"keep", b"keep/a"}


def test_a_file_that_is_taken_back_brings_its_directories(root: Path) -> None:
    write(root, {"d/e/keep": "1", "d/e/not": "2", "d/f/not": "3", "g/not": "4"})
    assert set(entries(root, ["*", "!d/e/keep"])) == {b"d", b"d/e", b"d/e/keep"}


def test_a_function_may_say_what_is_left_out(root: Path) -> None:
    write(root, {"a.txt": "1", "d/b.txt": "2", "d/c": "3"})
    found = entries(root, lambda path: path.endswith(".txt"))
    assert set(found) == {b"d", b"d/c"}


def test_the_ignore_file_of_the_dockerfile_comes_first(root: Path) -> None:
    write(root, {".dockerignore": "a\n", "x.Dockerfile.dockerignore": "b\n"})
    assert ignore_patterns(str(root), str(root / "x.Dockerfile")) == ["b"]
    assert ignore_patterns(str(root), str(root / "Dockerfile")) == ["a"]
    assert ignore_patterns(str(root), None) == ["a"]
    assert ignore_patterns(str(root.parent), None) == []


def test_the_dockerfile_is_part_of_the_context_unless_it_is_left_out(root: Path) -> None:
    write(root, {"Dockerfile": "FROM x", ".dockerignore": ""})
    assert set(entries(root, [])) == {b"Dockerfile", b".dockerignore"}
    assert set(entries(root, ["Dockerfile", ".dockerignore"])) == set()


def test_the_same_files_make_the_same_manifest(root: Path) -> None:
    write(root, {"b": "1", "a/c": "2", "a/d": "3"})
    first = read_context(str(root)).manifest
    assert read_context(str(root)).manifest == first
    write(root, {"a/d": "4"})
    assert read_context(str(root)).manifest != first


def test_an_unchanged_file_is_not_read_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, {"a": "1", "b": "2"})
    monkeypatch.setattr("burrow._client.digest_cache._SETTLED_NS", -(10**12))
    first = read_context(str(root)).manifest
    reads: List[str] = []
    read = context_files._read

    def counted(local: str) -> "Tuple[str, os.stat_result]":
        reads.append(os.path.basename(local))
        return read(local)

    monkeypatch.setattr(context_files, "_read", counted)
    assert read_context(str(root)).manifest == first and reads == []
    write(root, {"b": "22"})
    assert read_context(str(root)).manifest != first and reads == ["b"]


def test_digests_of_old_contexts_are_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("burrow._client.digest_cache._SETTLED_NS", -(10**12))
    monkeypatch.setattr(context_files, "_MAX_CONTEXTS", 2)
    for name in ("one", "two", "three"):
        write(tmp_path, {name + "/file": name})
        read_context(str(tmp_path / name))
    assert len(os.listdir(tmp_path / "cache/burrow/contexts")) == 2


def test_a_file_that_changes_while_it_is_read_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, {"log": "one line\n"})
    read = os.read

    def growing(descriptor: int, size: int) -> bytes:
        data = read(descriptor, size)
        with open(root / "log", "a") as file:
            file.write("and another\n")
        return data

    monkeypatch.setattr(os, "read", growing)
    with pytest.raises(InvalidError, match="log changed while it was read"):
        read_context(str(root))


def test_a_file_that_became_a_link_since_it_was_listed_is_not_followed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, {"file": "x", "../outside": "secret"})
    digest = context_files.ContextReader.digest

    def swapped(self: Any, local: str, path: str, status: Any) -> Any:
        os.unlink(local)
        os.symlink("../outside", local)
        return digest(self, local, path, status)

    monkeypatch.setattr(context_files.ContextReader, "digest", swapped)
    with pytest.raises(InvalidError, match="Cannot read .*file"):
        read_context(str(root))


def test_too_many_files_are_refused(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("burrow._client.context.MAX_ENTRIES", 2)
    write(root, {"a": "", "b": "", "c": ""})
    with pytest.raises(InvalidError, match="more than 2 files: leave some out"):
        read_context(str(root))


def test_a_missing_directory_is_one_sentence() -> None:
    with pytest.raises(InvalidError, match="Cannot read /no/such: No such file"):
        read_context("/no/such")


def local_files(root: Path, contents: List[bytes]) -> List[LocalFile]:
    files = []
    for number, content in enumerate(contents):
        path = root / str(number)
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        files.append(LocalFile(path.name, str(path), digest, len(content), 0o644))
    return files


def test_small_files_travel_together_and_only_those_that_lack(
    server: FakeServer, transport: Transport, root: Path
) -> None:
    contents = [b"%d" % number * 1000 for number in range(500)]
    contents.append(bytes(MAX_FRAME + 1))
    files = local_files(root, contents)
    server.blobs[files[0].digest] = contents[0]
    told: List[Tuple[int, int, int, int]] = []
    connections = server.connections
    sent = upload(files, BlobClient(transport), lambda a, b, c, d: told.append((a, b, c, d)))
    lacking = contents[1:]
    total = sum(map(len, lacking))
    assert sent == (len(lacking), total)
    assert sorted(server.uploads) == sorted(file.digest for file in files[1:])
    assert told[0] == (0, 500, 0, total) and told[-1] == (500, 500, total, total)
    assert server.connections - connections < 10
    assert upload(files, BlobClient(transport)) == (0, 0)


def test_a_file_that_changed_before_it_was_sent_is_an_error(
    transport: Transport, root: Path
) -> None:
    for count in (1, 5):
        files = local_files(root, [b"content %d" % number for number in range(count)])
        (root / "0").write_bytes(b"changed")
        with pytest.raises(InvalidError, match="0 changed while it was uploaded"):
            upload(files, BlobClient(transport))


def test_a_pack_has_frames_of_stored_blocks() -> None:
    contents = [b"a", bytes(MAX_FRAME), b"b" * 130_000, b"c" * 128 * 1024]
    pack = PackWriter()
    for content in contents:
        pack.add(hashlib.sha256(content).hexdigest(), content)
    assert list(read_pack(pack.finish())) == contents
