from __future__ import annotations

import base64
import hashlib
import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from small_burrowd import SmallBurrowd
from test_recipes import compiled, modules, step, write  # noqa: F401

import burrow
from burrow import Image, Secret
from burrow.exception import InvalidError


def plain() -> int:
    return 1


def test_a_function_is_run_by_reference_with_its_arguments(modules: Path) -> None:
    write(
        modules,
        {
            "rec_work.py": "import rec_helper\ndef fetch(a, b=1): pass\n",
            "rec_helper.py": "",
            "rec_unrelated.py": "",
        },
    )
    import rec_unrelated  # type: ignore  # noqa: F401
    import rec_work  # type: ignore

    image = Image.debian_slim().run_function(
        rec_work.fetch, args=("x",), kwargs={"b": 2}, env={"Z": "1", "A": "2"}, cpu=2, memory=64
    )
    message = step(image)["runFunction"]
    assert message["function"] == {
        "name": "fetch",
        "qualname": "fetch",
        "module": "rec_work",
        "resources": {"cpu": 2.0, "memoryMib": 64},
        "timeoutMs": 3600000,
    }
    assert [file["path"] for file in message["source"]] == ["rec_helper.py", "rec_work.py"]
    arguments = pickle.loads(base64.b64decode(message["arguments"]["inline"]))
    assert arguments == (("x",), {"b": 2})
    assert "secrets" not in message
    assert [file.path for file in compiled(image).files] == ["rec_helper.py", "rec_work.py"]


def test_large_arguments_travel_as_a_blob(modules: Path) -> None:
    write(modules, {"rec_large.py": "def f(x): pass\n"})
    import rec_large  # type: ignore

    found = compiled(Image.debian_slim().run_function(rec_large.f, args=(bytes(2 << 20),)))
    digest = found.steps[1]["runFunction"]["arguments"]["digest"]
    assert hashlib.sha256(found._blobs[digest]).hexdigest() == digest


def test_a_nested_function_must_be_serialized() -> None:
    def nested() -> None:
        pass

    with pytest.raises(InvalidError, match="inside another function.*serialized=True"):
        compiled(Image.debian_slim().run_function(nested))
    pytest.importorskip("cloudpickle")
    message = step(Image.debian_slim().run_function(nested, serialized=True))["runFunction"]
    assert "pickled" in message["function"] and "source" not in message


def test_a_secret_is_in_the_request_and_not_in_the_steps(modules: Path) -> None:
    write(modules, {"rec_secret.py": "def f(): pass\n"})
    import rec_secret  # type: ignore

    token = Secret.from_dict({"TOKEN": "hidden", "A": "b=c"})
    image = (
        Image.debian_slim()
        .run_function(rec_secret.f, secrets=[token])
        .run_function(rec_secret.f, secrets=[Secret.from_dict({"B": "2"}), token])
    )
    found = compiled(image)
    assert [one["secrets"] for one in found.steps[1:]] == [["secret-1"], ["secret-2", "secret-1"]]
    sent = {one["id"]: one["environment"]["variables"] for one in found.request()["secrets"]}
    assert sent == {
        "secret-1": {"variables": {"A": "b=c", "TOKEN": "hidden"}},
        "secret-2": {"variables": {"B": "2"}},
    }
    for text in (json.dumps(found.steps), repr(token), repr(image)):
        assert "hidden" not in text


def test_every_step_that_runs_something_takes_secrets_variables_and_force_build() -> None:
    hub = Secret.from_name("hub", required_keys=["TOKEN"])
    more: "dict[str, Any]" = {"secrets": [hub], "env": {"B": "2", "A": "1"}, "force_build": True}
    images = [
        Image.debian_slim().apt_install("git", **more),
        Image.debian_slim().pip_install("six", **more),
        Image.debian_slim().uv_pip_install("six", **more),
        Image.debian_slim().run_commands("true", **more),
        Image.debian_slim().dockerfile_commands("RUN true", **more),
        Image.debian_slim().run_function(Secret.from_name, args=["x"], serialized=True, **more),
    ]
    for image in images:
        found = compiled(image)
        last = found.steps[-1]
        assert last["secrets"] == ["secret-1"] and last["fresh"] is True, image
        assert list(last["variables"].items()) == [("A", "1"), ("B", "2")]
        assert found.request()["secrets"] == [
            {"id": "secret-1", "environment": {"name": "hub", "requiredKeys": ["TOKEN"]}}
        ]
        assert image != Image.debian_slim().apt_install("git")
    with pytest.raises(InvalidError, match="A must be a string"):
        Image.debian_slim().run_commands("true", env={"A": 1})  # type: ignore[dict-item]
    with pytest.raises(InvalidError, match="force_build must be True or False"):
        Image.debian_slim().apt_install("git", force_build="yes")  # type: ignore[arg-type]


def test_a_secret_names_who_to_be_at_a_registry_instead_of_what_docker_knows() -> None:
    found = compiled(Image.from_registry("r.example/a", Secret.from_name("hub")))
    assert found.steps == [{"base": {"name": "registry:r.example/a"}, "secrets": ["secret-1"]}]
    assert found.references == []
    assert compiled(Image.from_registry("r.example/a")).references == ["r.example/a"]


def test_secrets_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REC_TOKEN", "1")
    monkeypatch.delenv("REC_ABSENT", raising=False)
    made = Secret.from_local_environ(["REC_TOKEN"])
    assert made == Secret.from_dict({"REC_TOKEN": "1"}) and hash(made) == hash(made)
    with pytest.raises(InvalidError, match="no REC_ABSENT"):
        Secret.from_local_environ(["REC_ABSENT"])
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    assert Secret.from_local_environ(["REC_ABSENT"]) == Secret.from_dict({})


def test_a_failed_import_is_swallowed_here() -> None:
    image = Image.debian_slim().pip_install("rec-none")
    with image.imports():
        import rec_no_such_module  # type: ignore  # noqa: F401
    with pytest.raises(ZeroDivisionError):
        with image.imports():
            1 / 0
    function = burrow.App("a").function(image=image)(plain)
    assert function._burrow_raw_function is plain


def test_a_failed_import_is_raised_in_a_container_that_needs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    monkeypatch.setattr("burrow._image_imports._failed", [])
    image, other = Image.debian_slim().pip_install("rec-none"), Image.debian_slim()
    with image.imports():
        import rec_no_such_module  # type: ignore  # noqa: F401
    with image.imports():
        import json as there  # noqa: F401
    app = burrow.App("a", image=image)
    needing = [
        app.function(name="by_app")(plain),
        app.function(name="same", image=image)(plain),
        app.function(name="longer", image=image.env({"A": "1"}))(plain),
    ]
    for function in needing:
        with pytest.raises(ModuleNotFoundError, match="rec_no_such_module"):
            function._burrow_raw_function
    free = app.function(name="other", image=other)(plain)
    assert free._burrow_raw_function is plain


def test_an_app_brings_the_attached_modules_of_its_images(
    burrowd: SmallBurrowd, modules: Path  # noqa: F811
) -> None:
    write(modules, {"rec_attached.py": "x = 7\n", "Dockerfile": "FROM scratch\n"})
    image = Image.from_dockerfile(str(modules / "Dockerfile"))
    app = burrow.App("a", image=image.add_local_python_source("rec_attached"))

    def seven() -> int:
        import rec_attached  # type: ignore

        return int(rec_attached.x)

    pytest.importorskip("cloudpickle")
    function = app.function(serialized=True)(seven)
    with app.run():
        assert function.remote() == 7
    assert [file["path"] for file in burrowd.called("Apps/Publish")[0]["source"]] == [
        "rec_attached.py"
    ]
    assert burrowd.called("Images/Build")[0]["steps"][0]["dockerfile"]["text"] == "FROM scratch\n"


def test_an_app_publishes_the_attached_files_of_its_functions(
    burrowd: SmallBurrowd, modules: Path  # noqa: F811
) -> None:
    pytest.importorskip("cloudpickle")
    write(modules, {"note": "a note"})
    base = Image.debian_slim()
    app = burrow.App("a", image=base.add_local_file(str(modules / "note"), "/note", copy=False))
    app.function(name="with", serialized=True)(plain)
    app.function(name="without", serialized=True, image=base)(plain)
    with app.run():
        pass
    having, bare = burrowd.called("Apps/Publish")[0]["functions"]
    (one,) = having["attached"]
    assert (one["destination"], one["singleFile"]) == ("/note", True)
    assert burrowd.blobs[one["files"][0]["digest"]] == b"a note"
    assert "attached" not in bare
    assert having["imageId"] == bare["imageId"]
    assert len(burrowd.called("Images/Build")) == 1  # what is attached has no part in the image
