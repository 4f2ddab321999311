"""What the steps of a recipe lead to, as the image and those who read it elsewhere say, and when steps are taken again."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any, Dict

import recipes
from daemon import Daemon, Run
from transfers import exported, needs


def config_of(layout: Path) -> "Dict[str, Any]":
    """What the only image of an OCI layout says of its processes."""

    def blob(descriptor: "Dict[str, Any]") -> "Dict[str, Any]":
        path = layout / "blobs" / descriptor["digest"].replace(":", "/")
        return dict(json.loads(path.read_text()))

    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    return dict(blob(blob(entry)["config"])["config"])


STARTS = """
image = (
    burrow.Image.debian_slim()
    .run_commands("useradd -m -u 4242 worker", "install -d -o worker /out")
    .shell(["/bin/bash", "-o", "pipefail", "-c"])
    .user("worker")
    .dockerfile_commands("RUN id -u > /out/dockerfile; false | true || echo $0 > /out/shell")
    .run_commands("id -u > /out/command")
    .entrypoint(["/usr/bin/env", "ENTERED=1"])
    .cmd(["sh", "-c", "exit 3"])
)
"""


def test_a_user_and_a_shell_change_later_instructions_and_are_the_images(
    daemon: Daemon, tmp_path: Path
) -> None:
    needs("umoci")
    image = recipes.build(daemon, STARTS, tmp_path).image
    described = json.loads(daemon.burrow("image", "inspect", image).stdout)
    tree = exported(daemon.burrow, image, tmp_path)
    config = config_of(tmp_path / "out")
    wanted = {
        "user": "worker",
        "entrypoint": ["/usr/bin/env", "ENTERED=1"],
        "cmd": ["sh", "-c", "exit 3"],
        "shell": ["/bin/bash", "-o", "pipefail", "-c"],
    }
    assert {name: described[name] for name in wanted} == wanted
    assert {name: config[name.capitalize()] for name in wanted} == wanted
    assert (tree / "out/dockerfile").read_text() == "4242\n"
    assert (tree / "out/shell").read_text() == "/bin/bash\n"  # by a pipe that fails in bash alone
    assert (tree / "out/command").read_text() == "0\n"


def test_an_image_of_files_alone_begins_with_nothing(daemon: Daemon, tmp_path: Path) -> None:
    needs("umoci")
    (tmp_path / "note.txt").write_text("a note")
    code = """
    image = (
        burrow.Image.from_scratch()
        .add_local_file("note.txt", "/srv/note.txt")
        .dockerfile_commands("COPY note.txt /copied", context_dir=".")
        .env({"A": "1"})
        .cmd(["/srv/tool"])
    )
    """
    image = recipes.build(daemon, code, tmp_path).image
    tree = exported(daemon.burrow, image, tmp_path)
    found = sorted(str(path.relative_to(tree)) for path in tree.rglob("*"))
    assert found == ["copied", "srv", "srv/note.txt"]
    described = json.loads(daemon.burrow("image", "inspect", image).stdout)
    assert (described["cmd"], described["entrypoint"]) == (["/srv/tool"], [])
    assert "A=1" in described["env"]


FORCED = """
image = (
    burrow.Image.debian_slim()
    .run_commands("cat /proc/sys/kernel/random/uuid > /first", env={"ROUND": "%s"})
    .run_commands("cat /proc/sys/kernel/random/uuid > /second", force_build=%r)
    .run_commands("cat /first /second > /both")
)
"""


def test_force_build_takes_a_step_again_and_what_follows_from_it(
    daemon: Daemon, tmp_path: Path
) -> None:
    mark = uuid.uuid4().hex
    built = []
    for number, force in enumerate((False, True, True, False)):
        place = tmp_path / str(number)
        place.mkdir()
        recipe = recipes.build(daemon, FORCED % (mark, force), place)
        tree = exported(daemon.burrow, recipe.image, place)
        built.append([(tree / name).read_text() for name in ("first", "second", "both")])
        if number:
            assert len(recipe.steps("DONE")) == (2 if force else 0), recipe.events
    firsts, seconds, boths = zip(*built)
    assert len(set(firsts)) == 1
    assert len(set(seconds[:3])) == 3 and seconds[3] == seconds[2]
    assert list(boths) == [first + second for first, second, _ in built]


def test_a_dockerfiles_commands_see_secrets_and_variables_that_no_image_has(
    daemon: Daemon, tmp_path: Path
) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM debian_slim AS first\nRUN echo ${#TOKEN} $MODE > /seen\n"
        "FROM debian_slim\nCOPY --from=first /seen /first\nRUN echo ${#TOKEN} $MODE > /seen\n"
    )
    code = """
    image = burrow.Image.from_dockerfile(
        "Dockerfile", secrets=[burrow.Secret.from_dict({"TOKEN": "tapir-plover"})], env={"MODE": "m-%s"}
    )
    """
    mark = uuid.uuid4().hex
    built = recipes.build(daemon, code % mark, tmp_path)
    tree = exported(daemon.burrow, built.image, tmp_path)
    for name in ("first", "seen"):
        assert (tree / name).read_text() == "12 m-%s\n" % mark
    described = daemon.burrow("image", "inspect", built.image).stdout
    assert mark not in described and "tapir" not in described
    assert not [one for one in json.loads(described)["env"] if one.startswith(("TOKEN", "MODE"))]


UNCHANGED = """
import os
def fill(words):
    print("filling")
    with open("/filled", "w") as file:
        file.write(" ".join(sorted(words)))
image = (
    burrow.Image.debian_slim()
    .run_commands("echo ${ROUND} > /round", env={"ROUND": os.environ["ROUND"]})
    .dockerfile_commands("COPY note.txt /note", "RUN cat /note /round", context_dir="files")
    .add_local_dir("files", "/files")
    .run_function(fill, args=({"a", "b", "c", "d"},), serialized=True)
    .env({"A": "1"})
    .user("nobody")
)
"""


def test_an_unchanged_recipe_starts_nothing_and_prints_nothing(
    daemon: Daemon, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/note.txt").write_text("a note")
    mark = uuid.uuid4().hex
    first = recipes.build(daemon, UNCHANGED, tmp_path, ROUND=mark, PYTHONHASHSEED="1")
    assert len(first.steps("DONE")) >= 4, first.events
    assert any("output" in event for event in first.events)
    again = recipes.build(daemon, UNCHANGED, tmp_path, ROUND=mark, PYTHONHASHSEED="2")
    assert again.image == first.image
    assert again.error == ""
    for event in again.events:
        assert set(event) <= {"buildId", "step", "image"}, again.events
        assert event.get("step", {}).get("state", "STATE_CACHED") == "STATE_CACHED", again.events
    code = UNCHANGED + "@app.function(image=image)\ndef look(): return open('/filled').read()\n"
    code = code.replace('os.environ["ROUND"]', repr(mark))
    told = [run(code, "print(look.remote())") for _ in range(2)]
    assert [ended.stdout for ended in told] == ["a b c d\n"] * 2, told
    assert "run_function" in told[0].stderr  # of another module than before
    assert told[1].stderr == ""
