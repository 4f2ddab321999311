"""What a user sees of builds: caches, errors, the image's life, a build that is called off."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Callable, Iterator

import pytest

from burrow_builds import BurrowBuilds
from daemon import Daemon, wait_until
from file_server import FileServer
from leftovers import cgroups, check_nothing_left

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a context of its own that no cache knows, and gives its directory."""
    mark = uuid.uuid4().hex

    def write(body: str, base: str = "burrow-base", **files: str) -> Path:
        context = tmp_path / "context"
        context.mkdir(exist_ok=True)
        text = "FROM %s AS build\nENV OWN=%s\n%s" % (base, mark, body)
        (context / "Dockerfile").write_text(text)
        for name, content in files.items():
            (context / name.replace("__", ".")).write_text(content)
        return context

    return write


STAGES = """RUN echo one > /one
COPY a__txt /a
RUN echo two > /two
FROM build AS other
RUN echo three > /three
FROM burrow-base
COPY --from=build /one /two /
COPY --from=other /three /
RUN cat /one /two /three > /all
""".replace(
    "__", "."
)


def test_a_rebuild_with_nothing_changed_runs_nothing(builds: BurrowBuilds, write: Write) -> None:
    context = write(STAGES, a__txt="a\n")
    first = builds.build(context)
    assert len([step for step in first.started if "RUN" in step]) == 4
    os.utime(context / "a.txt", (5, 5))  # times of sources do not count
    again = builds.build(context)
    assert again.started == []
    assert len([step for step in again.cached if "RUN" in step]) == 4
    assert again.image == first.image


def test_a_change_runs_what_depends_on_it_and_nothing_else(
    builds: BurrowBuilds, write: Write
) -> None:
    builds.build(write(STAGES, a__txt="a\n"))
    changed = builds.build(write(STAGES, a__txt="changed\n"))
    runs = [step for step in changed.started if "RUN" in step]
    assert not any("echo one" in step for step in runs), runs
    assert any("echo two" in step for step in runs), runs


def test_no_cache_runs_everything_and_its_filter_one_stage(
    builds: BurrowBuilds, write: Write
) -> None:
    context = write(STAGES, a__txt="a\n")
    builds.build(context)
    runs = [s for s in builds.build(context, "--no-cache").started if "RUN" in s]
    assert len(runs) == 4
    filtered = builds.build(context, "--no-cache-filter", "other")
    runs = [s for s in filtered.started if "RUN" in s]
    assert any("echo three" in step for step in runs)
    assert not any("echo one" in step or "echo two" in step for step in runs), runs


def test_a_build_argument_that_is_not_used_changes_nothing(
    builds: BurrowBuilds, write: Write
) -> None:
    context = write("ARG USED=1\nRUN echo $USED > /used\n")
    builds.build(context)
    unused = builds.build(context, "--build-arg", "NOBODY=asks")
    assert unused.started == []
    assert builds.build(context, "--build-arg", "USED=2").started


def test_cache_mounts_survive_builds_and_are_never_in_the_image(
    builds: BurrowBuilds, write: Write, tmp_path: Path
) -> None:
    count = "RUN --mount=type=cache,id=%s,target=/cache echo x >> /cache/file && wc -l < /cache/file > /n"
    context = write(count % uuid.uuid4().hex + "\n")
    for number in (1, 2, 3):
        build = builds.build(context, "--no-cache")
        directory = tmp_path / str(number)
        directory.mkdir()
        tree = builds.exported(build.image, directory).tree
        assert tree["/n"]["content"] == "%d\n" % number
        assert not any(path.startswith("/cache/") for path in tree)
    builds.succeed("image", "prune", "--cache-mounts")
    build = builds.build(context, "--no-cache")
    (tmp_path / "pruned").mkdir()
    assert builds.exported(build.image, tmp_path / "pruned").tree["/n"]["content"] == "1\n"


def test_times_keep_their_fractions_and_an_epoch_clamps_them(
    builds: BurrowBuilds, write: Write, tmp_path: Path
) -> None:
    context = write("COPY old new /\nRUN echo x > /made\n", old="o", new="n")
    os.utime(context / "old", ns=(0, 1_000_000_000_123_456_789))
    os.utime(context / "new", ns=(0, 1_500_000_000_500_000_000))
    build = builds.build(context, "--source-date-epoch", "1400000000")
    tree = builds.exported(build.image, tmp_path).tree
    seconds = {name: tree[name]["time"] for name in ("/old", "/new", "/made")}
    assert seconds == {"/old": 1_000_000_000, "/new": 1_400_000_000, "/made": 1_400_000_000}
    old = os.lstat(tmp_path / "burrow-tree/rootfs/old").st_mtime_ns
    assert old == 1_000_000_000_123_456_789


def test_what_a_script_with_an_interpreter_of_its_own_prints_is_shown(
    builds: BurrowBuilds, write: Write
) -> None:
    report = builds.build(write("RUN <<EOF\n#!/bin/sh -x\necho line of the script\nEOF\n")).report
    assert "+ echo line of the script" in report
    assert "***" not in report


def test_an_unused_stage_is_not_named_and_a_target_ends_the_build(
    builds: BurrowBuilds, write: Write
) -> None:
    context = write("RUN echo a\nFROM burrow-base AS unused\nRUN exit 9\nFROM build\nRUN echo b\n")
    assert "exit 9" not in builds.build(context).report
    assert "echo b" not in builds.build(context, "--target", "build", "--no-cache").report


# Errors.


@pytest.mark.parametrize(
    "line, words",
    [
        ("RUNN echo", ["Dockerfile:3:1", "RUNN echo", "^", "did you mean RUN?"]),
        ("COPY --form=build /a /b", ["Dockerfile:3:", "--form", "^", "did you mean --from"]),
        ("COPY only-one", ["Dockerfile:3:", "^"]),
        ("LABEL a=${B", ["Dockerfile:3:", "^"]),
        ("ENV A=${B:?it must be set}", ["Dockerfile:3:", "it must be set"]),
        ("COPY --from=nowhere-to-be-found-stage /a /b", ["nowhere-to-be-found-stage"]),
        ("HEALTHCHECK --interval=often CMD true", ["Dockerfile:3:", "often", "^"]),
        ('ENTRYPOINT ["a"', None),
    ],
)
def test_a_mistake_is_shown_where_it_is(
    builds: BurrowBuilds, write: Write, line: str, words: "list[str] | None"
) -> None:
    context = write(line + "\n")
    if words is None:  # no JSON: a shell form
        builds.build(context)
        return
    said = builds.fail(context)
    assert [word for word in words if word not in said] == [], said


def test_a_source_that_is_missing_is_named_with_its_line(
    builds: BurrowBuilds, write: Write
) -> None:
    said = builds.fail(write("COPY missing.txt /x\n"))
    assert "missing.txt" in said and "Dockerfile:3" in said
    ignored = write("COPY hidden.txt /x\n", hidden__txt="h", __dockerignore="hidden.txt\n")
    assert "hidden.txt" in builds.fail(ignored)


def test_a_step_that_takes_longer_than_the_build_allows_is_ended(
    builds: BurrowBuilds, write: Write
) -> None:
    context = write("RUN echo begun; sleep 60\n")
    began = time.monotonic()
    said = builds.fail(context, "--step-timeout", "1")
    assert time.monotonic() - began < 30
    for words in ("did not end within 1 s", "`burrow build --step-timeout SECONDS`", "begun"):
        assert words in said, said


def test_a_step_that_fails_shows_its_last_lines_and_where_to_look(
    builds: BurrowBuilds, write: Write
) -> None:
    context = write("RUN for i in $(seq 100); do echo line $i; done; echo to stderr >&2; exit 42\n")
    said = builds.fail(context)
    for word in ("line 100", "to stderr", "42", "Dockerfile", "burrow shell --step"):
        assert word in said, said
    found = re.search(r"^This was build (\S+)\.$", said, re.MULTILINE)
    assert found, said
    log = builds.succeed("image", "logs", found.group(1))
    assert [line for line in ("line 1", "line 57", "line 100") if line not in log] == []


@pytest.mark.parametrize(
    "line",
    [
        "COPY missing.txt /x",
        "WORKDIR /etc/passwd",
        "ADD --checksum=sha256:%s {FILES}/hello.txt /x" % ("0" * 64),
    ],
)
def test_a_failed_step_of_which_nothing_is_kept_offers_no_shell(
    builds: BurrowBuilds, write: Write, file_server: FileServer, line: str
) -> None:
    said = builds.fail(write("RUN true\n%s\n" % line.format(FILES=file_server.url)))
    assert "burrow image logs" in said and "burrow shell" not in said, said


def test_a_base_that_is_not_there_is_named(builds: BurrowBuilds, write: Write) -> None:
    assert "no-such-image" in builds.fail(write("", base="no-such-image"))


def test_a_url_is_asked_for_again_unless_its_checksum_is_given(
    builds: BurrowBuilds, write: Write, file_server: FileServer
) -> None:
    content = ("%s\n" % uuid.uuid4().hex).encode()
    file_server.files["/checked.txt"] = file_server.files["/any.txt"] = content
    line = "ADD --checksum=sha256:%s %s/checked.txt /x\nADD %s/any.txt /y\n"
    context = write(line % (hashlib.sha256(content).hexdigest(), file_server.url, file_server.url))
    first = builds.build(context).image
    asked = len(file_server.asked)
    assert builds.build(context).image == first
    assert file_server.asked[asked:] == ["/any.txt"]
    assert builds.build(context, "--no-cache").image != ""
    assert sorted(file_server.asked[asked + 1 :]) == ["/any.txt", "/checked.txt"]


# The life of an image.


def test_an_image_is_tagged_inspected_and_removed(builds: BurrowBuilds, write: Write) -> None:
    body = 'LABEL who="me"\nEXPOSE 80\nUSER worker\nRUN echo made\nCMD ["a", "b"]\n'
    build = builds.build(write(body), "-t", "first-name")
    builds.succeed("image", "tag", "first-name", "second-name")
    said = json.loads(builds.succeed("image", "inspect", "second-name"))
    assert said["id"] == build.image
    assert sorted(said["names"]) == ["first-name", "second-name"]
    assert said["labels"] == {"who": "me"} and said["exposedPorts"] == ["80/tcp"]
    assert said["user"] == "worker" and said["cmd"] == ["a", "b"]
    history = builds.succeed("image", "history", build.image)
    assert "RUN echo made" in history and "LABEL" in history
    builds.succeed("image", "rm", "first-name")
    assert json.loads(builds.succeed("image", "inspect", build.image))["names"] == ["second-name"]
    builds.succeed("image", "rm", "--force", build.image)
    assert builds.run("image", "inspect", "second-name").returncode == 1


def test_prune_forgets_images_without_a_name_and_cached_steps(
    builds: BurrowBuilds, write: Write
) -> None:
    context = write("RUN echo pruned\n")
    nameless = builds.build(context).image
    assert builds.build(context, "-t", "kept").started == []
    builds.succeed("image", "rm", "kept")
    builds.succeed("image", "prune", "--all")
    listed = builds.succeed("image", "ls")
    assert nameless not in listed and "burrow-base" in listed
    assert any("echo pruned" in step for step in builds.build(context).started)


def test_the_log_of_a_build_is_kept_whole(builds: BurrowBuilds, write: Write) -> None:
    build = builds.build(write("RUN seq 5000\nRUN echo the end\n"), "-t", "logged")
    for key in (build.id, build.image, "logged"):
        lines = builds.succeed("image", "logs", key).splitlines()
        assert [n for n in ("1", "2500", "5000") if not any(x.endswith(n) for x in lines)] == []
        assert any("the end" in line for line in lines)


@pytest.mark.parametrize("kind", ["oci", "docker-archive"])
def test_an_exported_image_runs_under_podman(
    builds: BurrowBuilds, write: Write, tmp_path: Path, kind: str
) -> None:
    body = "RUN echo from the build > /greeting\nWORKDIR /srv\nENV WORD=env\n"
    body += 'ENTRYPOINT ["/bin/sh", "-c"]\nCMD ["cat /greeting; echo $WORD; pwd"]\n'
    image = builds.build(write(body)).image
    archive = tmp_path / "image.tar"
    builds.succeed("image", "export", image, str(archive), "--format", kind)
    with tempfile.TemporaryDirectory(prefix="pod") as short:  # podman takes no longer one
        podman = ["podman", "--root", short + "/root", "--runroot", short + "/run"]
        podman += ["--storage-driver=vfs", "--cgroup-manager=cgroupfs"]
        loaded = said_by(*podman, "load", "-i", str(archive))
        reference = loaded.strip().rpartition("Loaded image: ")[2].split()[-1]
        assert run_by_podman(podman, reference) == "from the build\nenv\n/srv\n"
        said_by(*podman, "rmi", "--all", "--force")


def run_by_podman(podman: "list[str]", reference: str) -> str:
    """What the image prints. By runc, which takes any version of cgroups, and with limits that need no privilege."""
    options = ["--rm", "--pull=never", "--network=none"]
    options += ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]
    return said_by(*podman, "--runtime=runc", "run", *options, reference)


def said_by(*command: str) -> str:
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# Ctrl-C.


@pytest.fixture
def own_builds(tmp_path: Path, layout: Path) -> Iterator[BurrowBuilds]:
    """A burrowd for one test; nothing of it may be left when it has ended."""
    state = tmp_path / "state"
    state.mkdir()
    daemon = Daemon(tmp_path, state)
    daemon.start()
    group = daemon.process.pid if daemon.process else 0
    builds = BurrowBuilds(daemon)
    builds.import_image("oci:%s:base" % layout, "burrow-base")
    yield builds
    if daemon.running:
        assert daemon.stop() == 0, daemon.tail()
    check_nothing_left(state, group)


def test_ctrl_c_stops_the_containers_and_leaves_nothing(
    own_builds: BurrowBuilds, write: Write
) -> None:
    context = write(
        "RUN echo running && sleep 2000\nFROM burrow-base AS side\nRUN echo running && sleep 2001\n"
        "FROM burrow-base\nCOPY --from=build / /\nCOPY --from=side / /\n"
    )
    idle, kept = cgroups(own_builds.daemon.state), step_files(own_builds.daemon)
    process = own_builds.daemon.popen("build", str(context), "-t", "never", cwd=context)
    wait_until(lambda: len(sleeping()) == 2, "both stages run")
    assert cgroups(own_builds.daemon.state) > idle
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "stopped" in said and "Traceback" not in said
    wait_until(lambda: not sleeping(), "the containers are gone")
    wait_until(lambda: cgroups(own_builds.daemon.state) == idle, "their cgroups are gone")
    wait_until(lambda: step_files(own_builds.daemon) == kept, "their files are gone")
    assert "never" not in own_builds.succeed("image", "ls")
    own_builds.build(write("RUN echo after\n"))


def test_a_crash_of_the_daemon_during_a_build_leaves_nothing_to_the_next(
    own_builds: BurrowBuilds, write: Write
) -> None:
    context = write("RUN sleep 2000\n")
    process = own_builds.daemon.popen("build", str(context), cwd=context)
    wait_until(lambda: len(sleeping()) == 1, "it runs")
    own_builds.daemon.kill()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    own_builds.daemon.start()
    wait_until(lambda: not sleeping(), "the container is gone")
    own_builds.build(write("RUN echo after\n"))


def sleeping() -> "set[str]":
    """Processes of the tests' own long commands."""
    found = set()
    for name in os.listdir("/proc"):
        try:
            words = Path("/proc", name, "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if words[:1] == [b"sleep"] and words[1:2] in ([b"2000"], [b"2001"]):
            found.add(name)
    return found


def step_files(daemon: Daemon) -> "set[str]":
    """Directories of containers and steps below the state directory."""
    found = set()
    for where, names, _ in os.walk(daemon.state):
        for name in names:
            if re.match(r"(st|ct)-", name):
                found.add(os.path.join(where, name))
    return found
