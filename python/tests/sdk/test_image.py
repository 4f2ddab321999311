from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Callable, List

import pytest

from burrow import Image
from burrow._client.digest_cache import DigestCache
from burrow._client.image_steps import compile_steps
from burrow.exception import InvalidError


def test_a_recipe_becomes_steps_in_order() -> None:
    image = (
        Image.debian_slim()
        .apt_install("python3-numpy", "git")
        .run_commands("echo a", "echo b")
        .env({"A": "1"})
        .workdir("/srv")
    )
    compiled = compile_steps(image, DigestCache())
    assert compiled.steps == [
        {"base": {"name": "debian_slim"}},
        {"aptInstall": {"packages": ["python3-numpy", "git"]}},
        {"run": {"commands": ["echo a", "echo b"]}},
        {"env": {"variables": {"A": "1"}}},
        {"workdir": {"path": "/srv"}},
    ]
    assert compiled.files == [] and compiled.request() == {"steps": compiled.steps}


def test_images_are_immutable_and_compare_by_recipe() -> None:
    base = Image.debian_slim()
    one, other = base.env({"A": "1"}), base.env({"A": "1"})
    assert one == other and hash(one) == hash(other)
    assert one != base and base == Image.debian_slim()


def test_a_file_is_added_by_digest(tmp_path: Path) -> None:
    local = tmp_path / "model.bin"
    local.write_bytes(b"weights")
    local.chmod(0o640)
    for remote in ("/srv/model.bin", "/srv/"):
        image = Image.debian_slim().add_local_file(str(local), remote)
        compiled = compile_steps(image, DigestCache())
        digest = hashlib.sha256(b"weights").hexdigest()
        assert compiled.steps[1] == {
            "addFiles": {
                "destination": "/srv/model.bin",
                "files": [{"path": "model.bin", "digest": digest, "size": "7", "mode": 0o640}],
                "singleFile": True,
            }
        }
        assert [file.local for file in compiled.files] == [str(local)]


def test_a_directory_is_added_without_bytecode(tmp_path: Path) -> None:
    for name in ("a.txt", "sub/b.txt", "__pycache__/c.pyc", ".hidden/d"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(name)
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "loop").symlink_to(".")
    os.mkfifo(tmp_path / "pipe")
    image = Image.debian_slim().add_local_dir(str(tmp_path), "/d")
    message = compile_steps(image, DigestCache()).steps[1]["addFiles"]
    assert [file["path"] for file in message["files"]] == [
        "a.txt",
        "link",
        ".hidden/d",
        "sub/b.txt",
    ]
    assert "singleFile" not in message


def test_what_is_missing_is_said_when_the_image_is_built() -> None:
    missing_file = Image.debian_slim().add_local_file("/no/such/file", "/f")
    missing_directory = Image.debian_slim().add_local_dir("/no/such/directory", "/d")
    for image in (missing_file, missing_directory):
        with pytest.raises(InvalidError, match="/no/such"):
            compile_steps(image, DigestCache())


def test_a_pipe_and_a_name_that_is_not_utf8_are_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    os.mkdir(tmp_path / "data")
    open(os.fsencode(tmp_path) + b"/data/\xff", "w").close()
    pipe = Image.debian_slim().add_local_file(str(tmp_path / "pipe"), "/pipe")
    with pytest.raises(InvalidError, match="pipe is no regular file"):
        compile_steps(pipe, DigestCache())
    with pytest.raises(InvalidError, match="not UTF-8"):
        compile_steps(
            Image.debian_slim().add_local_dir(str(tmp_path / "data"), "/d"), DigestCache()
        )


def test_nonsense_is_refused_where_it_is_written() -> None:
    base = Image.debian_slim()
    makers: List[Callable[[], Image]] = [
        lambda: base.apt_install(),
        lambda: base.apt_install("-o=x"),
        lambda: base.apt_install("a; rm -rf /"),
        lambda: base.apt_install(["python3-numpy", ""]),
        lambda: base.run_commands(),
        lambda: base.env({"A=B": "1"}),
        lambda: base.env({"A": 1}),  # type: ignore[dict-item]
        lambda: base.workdir("relative"),
        lambda: base.add_local_dir(".", "/a/../b"),
    ]
    for make in makers:
        with pytest.raises(InvalidError):
            make()


def test_the_digest_cache_notices_a_change(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(300_000))
    os.utime(path, (1, 1))
    cache_file = tmp_path / "cache" / "digests.json"
    old = _aged(os.stat(path))
    cache = DigestCache(str(cache_file))
    assert cache.find(str(path), old) is None
    cache.add(str(path), old, "abc")
    cache.save()
    again = DigestCache(str(cache_file))
    assert again.find(str(path), old) == "abc"
    path.write_bytes(bytes(300_001))
    assert again.find(str(path), os.stat(path)) is None


def test_a_file_just_written_is_not_cached(tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(bytes(300_000))
    cache = DigestCache(str(tmp_path / "digests.json"))
    cache.add(str(path), os.stat(path), "abc")
    assert cache.find(str(path), os.stat(path)) is None


def _aged(status: os.stat_result) -> os.stat_result:
    """The status of the same file, had its inode not changed for long."""
    values = list(status)
    extra = {
        "st_mtime_ns": status.st_mtime_ns,
        "st_ctime_ns": 1,
        "st_atime_ns": status.st_atime_ns,
    }
    return os.stat_result(values, extra)
