from __future__ import annotations

import base64
import io
import os
import pty
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from fake_server import ConnectFailure
from small_burrowd import SmallBurrowd
from test_command_line import LAUNCHER, burrow
from test_live_region import Screen

from burrow.cli.build_lines import BuildLines
from burrow.cli.build_tree import BuildTree


@pytest.fixture
def project(tmp_path: Path) -> Path:
    path = tmp_path / "project"
    path.mkdir()
    (path / "Dockerfile").write_text("FROM debian\nCOPY . /\n")
    (path / "file.txt").write_text("content")
    return path


def event(step: int, state: str, text: str, **more: Any) -> Dict[str, Any]:
    return {"step": dict({"step": step, "state": "STATE_" + state, "description": text}, **more)}


def events(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    yield {"buildId": "bd-7"}
    yield {"note": "MAINTAINER is old: use LABEL."}
    yield event(0, "CACHED", "[1/3] FROM debian")
    yield event(1, "STARTED", "[a 1/1] RUN make", stage="a")
    yield event(2, "STARTED", "[b 1/1] RUN test", stage="b")
    yield {"output": {"step": 2, "line": "testing"}}
    yield {"output": {"step": 1, "line": "making"}}
    yield event(2, "DONE", "[b 1/1] RUN test", ms=1500.0, stage="b")
    yield event(1, "DONE", "[a 1/1] RUN make", ms=20.0, stage="a")
    yield {"image": {"imageId": "im-9"}}


def failing(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
    yield {"buildId": "bd-7"}
    yield event(0, "STARTED", "[1/1] RUN false")
    yield {"output": {"line": "last words"}}
    yield event(0, "FAILED", "[1/1] RUN false", ms=3.0, leftImage="im-8")
    raise ConnectFailure("failed_precondition", "[1/1] RUN false: exit code 1\nlast words")


def test_a_build_prints_its_steps_as_lines_and_the_image_last(
    burrowd: SmallBurrowd, project: Path
) -> None:
    burrowd.methods["Images/Build"] = events
    done = burrow("build", str(project), "-t", "one", "--tag", "two:3")
    assert (done.returncode, done.stdout) == (0, "im-9\n"), done.stderr
    assert done.stderr.splitlines()[-9:] == [
        "build bd-7",
        "note: MAINTAINER is old: use LABEL.",
        "#0 CACHED [1/3] FROM debian",
        "#1 [a 1/1] RUN make",
        "#2 [b 1/1] RUN test",
        "#2   testing",
        "#1   making",
        "#2 done in 1.5 s",
        "#1 done in 20 ms",
    ]
    (request,) = burrowd.called("Images/Build")
    step = request["steps"][0]["dockerfile"]
    assert step["text"] == "FROM debian\nCOPY . /\n" and step["file"].endswith("/Dockerfile")
    assert step["context"] in burrowd.blobs
    assert b"content" in burrowd.blobs.values()
    assert request == {"steps": [{"dockerfile": step}], "names": ["one", "two:3"]}


def test_a_context_is_sent_once(burrowd: SmallBurrowd, project: Path) -> None:
    assert "sending the context: 2 of 2 files" in burrow("build", str(project)).stderr
    uploads = len(burrowd.uploads)
    (project / "file.txt").write_text("changed")
    again = burrow("build", str(project))
    assert "sending the context: 1 of 1 files" in again.stderr
    assert len(burrowd.uploads) == uploads + 2  # the file, and the manifest
    assert "sending" not in burrow("build", str(project)).stderr
    assert len(burrowd.uploads) == uploads + 2


def test_every_option_reaches_the_server(
    burrowd: SmallBurrowd, project: Path, tmp_path: Path
) -> None:
    (tmp_path / "token").write_bytes(b"hidden\n")
    done = burrow(
        "build",
        str(project),
        *("-f", str(project / "Dockerfile")),
        *("--build-arg", "A=1=2", "--build-arg", "FROM_HERE", "--build-arg", "NOT_HERE"),
        *("--target", "last", "--no-cache", "--no-cache-filter", "a,b"),
        *("--no-cache-filter", "c"),
        *("--secret", "id=one,src=%s" % (tmp_path / "token"), "--secret", "id=two,env=TWO"),
        *("--source-date-epoch", "0", "--plain-http", "--progress", "quiet"),
        *("--step-timeout", "1.5"),
        FROM_HERE="here",
        TWO="also hidden",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "im-1\n", "")
    (request,) = burrowd.called("Images/Build")
    step = request.pop("steps")[0]["dockerfile"]
    assert step["buildArgs"] == {"A": "1=2", "FROM_HERE": "here"} and step["target"] == "last"
    assert request == {
        "noCache": True,
        "noCacheFilter": ["a", "b", "c"],
        "secrets": [
            {"id": "one", "value": base64.b64encode(b"hidden\n").decode()},
            {"id": "two", "value": base64.b64encode(b"also hidden").decode()},
        ],
        "sourceDateEpoch": "0",
        "plainHttp": True,
        "stepTimeoutMs": 1500,
    }


def test_a_failed_step_says_where_to_look(burrowd: SmallBurrowd, project: Path) -> None:
    burrowd.methods["Images/Build"] = failing
    done = burrow("build", str(project), "--progress", "quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "Error: [1/1] RUN false: exit code 1",
        "last words",
        "This was build bd-7.",
        "Its whole output:          burrow image logs bd-7",
        "Its files as they were:    burrow shell --step bd-7",
    ]


def test_a_shell_is_offered_only_where_files_were_kept(
    burrowd: SmallBurrowd, project: Path
) -> None:
    def refused(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"buildId": "bd-7"}
        yield event(0, "FAILED", "[1/1] WORKDIR /file", ms=3.0)
        raise ConnectFailure("failed_precondition", "/file is no directory")

    burrowd.methods["Images/Build"] = refused
    done = burrow("build", str(project), "--progress", "quiet")
    assert (done.returncode, done.stderr.splitlines()[1:]) == (
        1,
        ["This was build bd-7.", "Its whole output:          burrow image logs bd-7"],
    )


def test_a_mistake_in_the_dockerfile_is_all_that_is_said(
    burrowd: SmallBurrowd, project: Path
) -> None:
    message = "Dockerfile:1:1: unknown instruction\nFORM x\n^\ndid you mean FROM?"

    def refuse(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"buildId": "bd-7"}
        raise ConnectFailure("invalid_argument", message)

    burrowd.methods["Images/Build"] = refuse
    done = burrow("build", str(project), "--progress", "quiet")
    assert (done.returncode, done.stderr) == (1, "Error: %s\n" % message)


def test_an_interrupt_ends_the_stream_and_says_so(burrowd: SmallBurrowd, project: Path) -> None:
    pids: List[int] = []
    ended = threading.Event()

    def endless(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {"buildId": "bd-7"}
        yield event(0, "STARTED", "[1/1] RUN sleep")
        os.kill(pids[0], signal.SIGINT)
        try:
            while True:
                yield {"output": {"line": "still here " * 1000}}
        finally:  # once the connection takes no more
            ended.set()

    burrowd.methods["Images/Build"] = endless
    process = subprocess.Popen(
        [str(LAUNCHER), "build", str(project)],
        env=dict(os.environ, BURROW_PYTHON=sys.executable),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pids.append(process.pid)
    out, error = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert error.splitlines()[-1].startswith("Build stopped")
    assert ended.wait(30)


def test_the_terminal_shows_a_tree_that_stays(burrowd: SmallBurrowd, project: Path) -> None:
    burrowd.methods["Images/Build"] = events
    ours, theirs = pty.openpty()
    env = dict(os.environ, BURROW_PYTHON=sys.executable, TERM="xterm", PYTHONUTF8="1")
    process = subprocess.Popen(
        [str(LAUNCHER), "build", str(project)], stdin=theirs, stdout=theirs, stderr=theirs, env=env
    )
    os.close(theirs)
    data = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:
            break
        data += part
    os.close(ours)
    assert process.wait(30) == 0
    lines = Screen().feed(data.decode()).lines
    words = [" ".join(line.split()) for line in lines if line.strip()]
    assert words == [
        "note: MAINTAINER is old: use LABEL.",
        "├─ [1/3] FROM debian CACHED",
        "├─ a",
        "│ ├─ [a 1/1] RUN make 20 ms",
        "├─ b",
        "│ ├─ [b 1/1] RUN test 1.5 s",
        "im-9",
    ]


def drawn(steps: int, height: int = 24) -> List[str]:
    terminal = io.StringIO()
    tree = BuildTree(terminal)
    tree.image_build("bd-1")
    for number in range(steps):
        tree.image_step(event(number, "STARTED", "RUN %d" % number, stage="one")["step"])
        tree.image_step(event(number, "DONE", "RUN %d" % number, ms=1.0)["step"])
    tree.image_step(event(steps, "STARTED", "RUN now", stage="one")["step"])
    tree.image_step(event(steps + 1, "STARTED", "RUN too", stage="two")["step"])
    for line in ("1", "2", "3\r4\x07"):
        tree.image_output({"step": steps, "line": line})
    shown = Screen().feed(terminal.getvalue()).lines
    tree.close()
    return [line.rstrip() for line in shown]


def test_steps_that_run_show_their_last_lines() -> None:
    lines = drawn(1)
    assert lines[0] == "├─ one" and lines[1].startswith("│  ├─ RUN 0 ")
    assert lines[2].startswith("│  ├─ RUN now")
    assert lines[3:6] == ["│  │  1", "│  │  2", "│  │  4"]
    assert lines[6] == "├─ two" and lines[7].startswith("│  ├─ RUN too")


def test_ended_steps_are_counted_where_the_terminal_is_too_low() -> None:
    lines = drawn(40)
    assert lines[:2] == ["├─ one", "│  ├─ 40 steps ended"]
    assert lines[2].startswith("│  ├─ RUN now") and lines[3] == "│  │  4"


def test_a_build_that_begins_again_draws_anew() -> None:
    terminal = io.StringIO()
    tree = BuildTree(terminal)
    for build in ("bd-1", "bd-2"):
        tree.image_build(build)
        tree.image_step(event(0, "CACHED", "FROM " + build)["step"])
    tree.close()
    lines = Screen().feed(terminal.getvalue()).lines
    assert len(lines) == 2 and "FROM bd-2" in lines[0]


def test_plain_lines_tell_how_far_an_upload_is(capsys: pytest.CaptureFixture[str]) -> None:
    report = BuildLines()
    for files in range(0, 201):
        report.upload(files, 200, files * 1000, 200_000)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 11
    assert lines[0] == "sending the context: 0 of 200 files, 0 B of 200.0 kB"
    assert lines[-1] == "sending the context: 200 of 200 files, 200.0 kB of 200.0 kB"


def test_standard_input_is_a_dockerfile(
    burrowd: SmallBurrowd, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "FROM a\nCOPY x /\n"
    for arguments, has_context in (("-",), False), (("-f", "-", str(project)), True):
        subprocess.run(
            [str(LAUNCHER), "build", *arguments],
            env=dict(os.environ, BURROW_PYTHON=sys.executable),
            input=text,
            text=True,
            check=True,
            capture_output=True,
        )
        step = burrowd.called("Images/Build")[-1]["steps"][0]["dockerfile"]
        assert step["text"] == text and ("context" in step) == has_context
