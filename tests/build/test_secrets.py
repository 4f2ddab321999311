"""What RUN --mount=type=secret shows is nowhere else: not in the image, the log, the history, the state, an argument."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import List

import pytest

from burrow_builds import BurrowBuilds

READS = "RUN --mount=type=secret,id=token sha256sum /run/secrets/token > /sum\n"
IN_ENVIRONMENT = 'RUN --mount=type=secret,id=token,env=TOKEN test -n "$TOKEN" && echo ok > /ok\n'
FAILS = "RUN --mount=type=secret,id=token cat /run/secrets/token > /kept; exit 3\n"
RUNS_LONG = "RUN --mount=type=secret,id=token,env=TOKEN --mount=type=secret,id=token sleep 3\n"


@pytest.fixture
def secret(tmp_path: Path) -> str:
    text = "secret-" + uuid.uuid4().hex
    (tmp_path / "token").write_text(text)
    return text


def write(tmp_path: Path, *lines: str) -> Path:
    context = tmp_path / "context"
    context.mkdir(exist_ok=True)
    (context / "Dockerfile").write_text("FROM burrow-base\n" + "".join(lines))
    return context


def files_with(needle: bytes, place: Path) -> "List[str]":
    """Every file below `place` that holds the bytes as they are."""
    found = []
    for where, _, files in os.walk(place):
        for name in files:
            path = os.path.join(where, name)
            try:
                if os.path.isfile(path) and not os.path.islink(path):
                    with open(path, "rb") as file:
                        if needle in file.read():
                            found.append(path)
            except OSError:
                continue
    return found


@pytest.mark.parametrize("line", [READS, IN_ENVIRONMENT], ids=["file", "environment"])
def test_a_secret_is_kept_nowhere(
    builds: BurrowBuilds, tmp_path: Path, secret: str, line: str
) -> None:
    option = "id=token,src=%s" % (tmp_path / "token")
    build = builds.build(write(tmp_path, line), "--secret", option)
    needle = secret.encode()
    assert secret not in build.report
    assert files_with(needle, builds.daemon.state) == []
    assert needle not in builds.daemon.log.read_bytes()
    layout = builds.export(build.image, tmp_path)
    assert files_with(needle, layout) == []
    for command in ("inspect", "history", "logs"):
        assert secret not in builds.succeed("image", command, build.image)


def test_a_secret_of_a_step_that_failed_is_in_no_message(
    builds: BurrowBuilds, tmp_path: Path, secret: str
) -> None:
    option = "id=token,src=%s" % (tmp_path / "token")
    said = builds.fail(write(tmp_path, IN_ENVIRONMENT, FAILS), "--secret", option)
    assert secret not in said
    assert secret.encode() not in builds.daemon.log.read_bytes()


def test_a_secret_is_in_no_argument_and_no_file_while_its_step_runs(
    builds: BurrowBuilds, tmp_path: Path, secret: str
) -> None:
    option = "id=token,src=%s" % (tmp_path / "token")
    context = write(tmp_path, RUNS_LONG)
    process = builds.daemon.popen("build", str(context), "--secret", option, cwd=tmp_path)
    seen = []
    while process.poll() is None:
        seen += [name for name in _processes() if secret in _arguments(name)]
        time.sleep(0.05)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert seen == []
    assert secret not in said


def test_a_changed_secret_does_not_run_a_step_anew(
    builds: BurrowBuilds, tmp_path: Path, secret: str
) -> None:
    option = "id=token,src=%s" % (tmp_path / "token")
    context = write(tmp_path, "ENV OWN=%s\n" % uuid.uuid4().hex, READS)
    assert builds.build(context, "--secret", option).started
    (tmp_path / "token").write_text("another")
    assert builds.build(context, "--secret", option).started == []


def test_a_required_secret_that_is_missing_is_an_error(
    builds: BurrowBuilds, tmp_path: Path
) -> None:
    line = "RUN --mount=type=secret,id=token,required=true cat /run/secrets/token\n"
    assert "token" in builds.fail(write(tmp_path, line))


def _processes() -> "List[str]":
    return [name for name in os.listdir("/proc") if name.isdigit()]


def _arguments(process: str) -> str:
    try:
        return Path("/proc", process, "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
