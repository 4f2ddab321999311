from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

import pytest

from burrow import Image
from burrow._client.attached_files import attached_files
from burrow._client.compiled_image import CompiledImage
from burrow._client.digest_cache import DigestCache
from burrow._client.dockerfile_step import registry_references
from burrow._client.image_steps import BAKED_SOURCE, attached_modules, compile_steps
from burrow._client.source import collect_source
from burrow.exception import InvalidError


def compiled(image: Image) -> CompiledImage:
    return compile_steps(image, DigestCache())


def steps(image: Image) -> List[Dict[str, Any]]:
    return compiled(image).steps


def step(image: Image) -> Dict[str, Any]:
    """The last one."""
    return steps(image)[-1]


def write(root: Path, files: Dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory from which modules are imported."""
    loaded = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


def test_bases() -> None:
    assert steps(Image.debian_slim("3.11")) == [
        {"base": {"name": "debian_slim", "pythonVersion": "3.11"}}
    ]
    assert steps(Image.from_scratch()) == [{"base": {"name": "scratch"}}]
    assert steps(Image.from_registry("registry.example/a:1", add_python="3.11")) == [
        {"base": {"name": "registry:registry.example/a:1"}},
        {"addPython": {"version": "3.11"}},
    ]


def test_a_dockerfile_brings_its_context(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "Dockerfile": "FROM registry.example/a\nCOPY . /\n",
            ".dockerignore": "*.log\n",
            "x.txt": "x",
            "y.log": "y",
        },
    )
    image = Image.from_dockerfile(
        str(tmp_path / "Dockerfile"), build_args={"B": "2", "A": "1"}, target="last"
    )
    found = compiled(image)
    message = found.steps[0]["dockerfile"]
    assert message["text"] == "FROM registry.example/a\nCOPY . /\n"
    assert list(message["buildArgs"].items()) == [("A", "1"), ("B", "2")]
    assert message["target"] == "last"
    assert {file.path for file in found.files} == {"Dockerfile", ".dockerignore", "x.txt"}
    assert found.references == ["registry.example/a"]
    manifest = json.loads(found._blobs[message["context"]])
    paths = {base64.b64decode(entry["path"]) for entry in manifest["entries"]}
    assert paths == {b"Dockerfile", b".dockerignore", b"x.txt"}


def test_the_context_may_be_elsewhere_and_filtered(tmp_path: Path) -> None:
    write(tmp_path, {"docker/Dockerfile": "FROM scratch\n", "src/a": "1", "src/b": "2"})
    ignores: List[Any] = [["b"], lambda path: path == "b"]
    for ignore in ignores:
        image = Image.from_dockerfile(
            str(tmp_path / "docker/Dockerfile"), context_dir=str(tmp_path / "src"), ignore=ignore
        )
        assert [file.path for file in compiled(image).files] == ["a"]


def test_dockerfile_commands_go_on_from_an_image(tmp_path: Path) -> None:
    write(tmp_path, {"tool": "#!"})
    base = Image.debian_slim()
    assert step(base.dockerfile_commands("LABEL a=1", ["USER nobody", "RUN id"])) == {
        "dockerfile": {
            "file": "dockerfile_commands()",
            "text": "LABEL a=1\nUSER nobody\nRUN id\n",
        }
    }
    image = base.dockerfile_commands("COPY tool /usr/bin/", context_dir=str(tmp_path))
    assert [file.path for file in compiled(image).files] == ["tool"]
    plain = base.dockerfile_commands("ENV A=1", context_dir=str(tmp_path))
    assert "context" not in step(plain)["dockerfile"]


def test_what_processes_start_with() -> None:
    image = (
        Image.debian_slim()
        .entrypoint(["/bin/x", ""])
        .cmd([])
        .shell(["/bin/bash", "-c"])
        .user("nobody:nogroup")
    )
    assert steps(image)[1:] == [
        {"start": {"entrypoint": {"values": ["/bin/x", ""]}}},
        {"start": {"cmd": {"values": []}}},
        {"start": {"shell": {"values": ["/bin/bash", "-c"]}}},
        {"start": {"user": "nobody:nogroup"}},
    ]


def test_the_order_of_a_dict_does_not_matter() -> None:
    one, other = Image.debian_slim(), Image.debian_slim()
    one, other = one.env({"A": "1", "B": "2"}), other.env({"B": "2", "A": "1"})
    assert one == other and json.dumps(steps(one)) == json.dumps(steps(other))


def test_a_directory_is_added_without_what_is_ignored(tmp_path: Path) -> None:
    write(tmp_path, {"a.py": "1", "b.log": "2", "d/c.log": "3", "d/e": "4"})
    ignores: List[Any] = [["**/*.log"], lambda path: path.endswith(".log")]
    for ignore in ignores:
        image = Image.debian_slim().add_local_dir(str(tmp_path), "/d", copy=True, ignore=ignore)
        assert [file["path"] for file in step(image)["addFiles"]["files"]] == ["a.py", "d/e"]


def test_python_source_is_attached_or_baked(modules: Path) -> None:
    write(
        modules,
        {
            "rec_single.py": "x = 1\n",
            "rec_pack/__init__.py": "",
            "rec_pack/inner/deep.py": "",
            "rec_pack/data.bin": "",
            "rec_pack/test_it.py": "",
        },
    )
    base = Image.debian_slim()
    attached = base.add_local_python_source("rec_single", "rec_pack", ignore=["**/test_*"])
    assert steps(attached) == steps(base)
    found = collect_source([], DigestCache(), attached_modules([attached, base]))
    expected = ["rec_pack/__init__.py", "rec_pack/inner/deep.py", "rec_single.py"]
    assert [file.path for file in found] == expected
    baked = base.add_local_python_source("rec_single", "rec_pack", copy=True, ignore=["**/test_*"])
    added, variable = steps(baked)[1:]
    assert [file["path"] for file in added["addFiles"]["files"]] == expected
    assert added["addFiles"]["destination"] == BAKED_SOURCE
    assert "ENV PYTHONPATH=%s" % BAKED_SOURCE in variable["dockerfile"]["text"]
    again = steps(baked.add_local_python_source("rec_single", copy=True))
    assert sum("dockerfile" in one for one in again) == 1
    with pytest.raises(InvalidError, match="no module rec_absent"):
        steps(base.add_local_python_source("rec_absent", copy=True))


def test_a_module_of_a_package_brings_the_packages_init(modules: Path) -> None:
    write(modules, {"rec_outer/__init__.py": "", "rec_outer/one.py": "", "rec_outer/two.py": ""})
    image = Image.debian_slim().add_local_python_source("rec_outer.one")
    found = collect_source([], DigestCache(), attached_modules([image]))
    assert [file.path for file in found] == ["rec_outer/__init__.py", "rec_outer/one.py"]


REFERENCES = """
ARG TAG=1.2
ARG HOST="registry.example:5000"
FROM --platform=linux/amd64 $HOST/base:${TAG} AS build
from debian
FROM localhost/thing
FROM ${UNSET:-other.example/x}
COPY --from=third.example/tool:1 /a /b
RUN --mount=type=bind,from=fourth.example/data,target=/d true
COPY --from=build /a /b
"""


def test_references_with_a_host_are_found_for_their_logins() -> None:
    assert list(registry_references(REFERENCES, {"TAG": "9"})) == [
        "registry.example:5000/base:9",
        "localhost/thing",
        "other.example/x",
        "third.example/tool:1",
        "fourth.example/data",
    ]


def test_logins_are_sent_for_what_a_dockerfile_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    auth = base64.b64encode(b"me:pw").decode()
    auths = {name: {"auth": auth} for name in ("one.example", "two.example", "unasked.example")}
    write(
        tmp_path,
        {
            "auth/config.json": json.dumps({"auths": auths}),
            "Dockerfile": "FROM one.example/a\nFROM one.example/b\nCOPY --from=two.example/c / /\n",
        },
    )
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "auth"))
    request = compiled(Image.from_dockerfile(str(tmp_path / "Dockerfile"))).request()
    assert [login["host"] for login in request["logins"]] == ["one.example", "two.example"]


def test_nonsense_is_refused_where_it_is_written(tmp_path: Path) -> None:
    base = Image.debian_slim()
    makers: List[Callable[[], Any]] = [
        lambda: Image.debian_slim("3"),
        lambda: Image.debian_slim("2.7"),
        lambda: Image.debian_slim(3.11),  # type: ignore[arg-type]
        lambda: Image.from_registry("a.example/b", add_python="newest"),
        lambda: Image.from_dockerfile("", build_args={}),
        lambda: Image.from_dockerfile("Dockerfile", build_args={"A": 1}),  # type: ignore[dict-item]
        lambda: Image.from_dockerfile("Dockerfile", ignore="*.log"),
        lambda: base.pip_install(),
        lambda: base.pip_install("--index-url=x"),
        lambda: base.pip_install("a\n-r b"),
        lambda: base.uv_pip_install(),
        lambda: base.dockerfile_commands(),
        lambda: base.dockerfile_commands(""),
        lambda: base.entrypoint("/bin/sh"),  # type: ignore[arg-type]
        lambda: base.cmd(["a", 1]),  # type: ignore[list-item]
        lambda: base.shell([]),
        lambda: base.user(""),
        lambda: base.add_local_python_source(),
        lambda: base.add_local_python_source("a/b"),
        lambda: base.run_function("f"),  # type: ignore[arg-type]
        lambda: base.run_function(test_bases, args="ab"),
        lambda: base.run_function(test_bases, secrets=["A=b"]),  # type: ignore[list-item]
        lambda: base.run_function(test_bases, timeout=0),
    ]
    for number, make in enumerate(makers):
        with pytest.raises(InvalidError):
            make()
            pytest.fail("number %d was taken" % number)


def attached(image: Image) -> Dict[str, Any]:
    """Destination -> (single file?, path -> size)."""
    messages = [one.message() for one in attached_files(image, DigestCache())]
    return {
        one["destination"]: (
            one["singleFile"],
            {file["path"]: int(file["size"]) for file in one["files"]},
        )
        for one in messages
    }


def test_files_are_attached_without_a_step(tmp_path: Path) -> None:
    write(tmp_path, {"note": "12", "d/a.py": "1", "d/b.log": "", "d/e/f": "123"})
    base = Image.debian_slim().env({"A": "1"})
    image = base.add_local_file(str(tmp_path / "note"), "/srv/", copy=False)
    image = image.add_local_dir(str(tmp_path / "d"), "/data/", copy=False, ignore=["*.log"])
    assert attached(image) == {
        "/data": (False, {"a.py": 1, "e/f": 3}),
        "/srv/note": (True, {"note": 2}),
    }
    assert steps(image) == steps(base) and attached(base) == {}
    assert steps(image.env({"B": "1"}).workdir("/srv").shell(["/bin/sh", "-c"]))[:2] == steps(base)


def test_what_is_attached_inside_of_a_directory_becomes_part_of_it(tmp_path: Path) -> None:
    write(tmp_path, {"note": "12", "d/a": "1", "e/b": "123", "e/a": ""})
    image = Image.debian_slim().add_local_file(str(tmp_path / "note"), "/data/e/b", copy=False)
    image = image.add_local_dir(str(tmp_path / "e"), "/data//e", copy=False)
    image = image.add_local_dir(str(tmp_path / "d"), "/data", copy=False)
    image = image.add_local_file(str(tmp_path / "note"), "/data/a", copy=False)
    image = image.add_local_file(str(tmp_path / "note"), "/database", copy=False)
    assert attached(image) == {
        "/data": (False, {"a": 2, "e/a": 0, "e/b": 3}),
        "/database": (True, {"database": 2}),
    }


def test_nothing_is_built_behind_attached_files(tmp_path: Path) -> None:
    write(tmp_path, {"note": "1"})
    note = str(tmp_path / "note")
    for image in (
        Image.debian_slim().add_local_file(note, "/note", copy=False),
        Image.debian_slim().add_local_dir(str(tmp_path), "/d", copy=False),
    ):
        builders: List[Callable[[], Any]] = [
            lambda: image.run_commands("true"),
            lambda: image.apt_install("figlet"),
            lambda: image.pip_install("x"),
            lambda: image.uv_pip_install("x"),
            lambda: image.dockerfile_commands("RUN true"),
            lambda: image.run_function(test_bases),
            lambda: image.add_local_file(note, "/other"),
            lambda: image.add_local_dir(note, "/other"),
            lambda: image.add_local_python_source("json", copy=True),
        ]
        for build in builders:
            with pytest.raises(InvalidError, match="copy=True"):
                build()


def test_what_cannot_be_attached_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    write(tmp_path, {"note": "1"})
    image = Image.debian_slim()
    with pytest.raises(InvalidError, match="holds no file"):
        attached(image.add_local_dir(str(tmp_path / "empty"), "/d", copy=False))
    with pytest.raises(InvalidError, match="Cannot read"):
        attached(image.add_local_file(str(tmp_path / "absent"), "/d", copy=False))
    for number in range(65):
        image = image.add_local_file(str(tmp_path / "note"), "/note-%d" % number, copy=False)
    with pytest.raises(InvalidError, match="64 places at most, not 65"):
        attached(image)
