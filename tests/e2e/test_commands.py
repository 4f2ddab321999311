"""The commands that look at the server print what is there."""

from __future__ import annotations

from pathlib import Path
from typing import Callable, Iterator

import pytest

from daemon import Daemon, Run


@pytest.fixture
def looked_at(daemon: Daemon, write_app: Callable[..., str], tmp_path: Path) -> Iterator["object"]:
    """An app named `looked_at` that runs one call until the test is over."""
    code = """
    import time
    @app.function()
    def linger():
        print("here I am")
        time.sleep(100)
    """
    running = daemon.popen(
        "run", write_app(code, name="looked_at", main="linger.remote()"), cwd=tmp_path
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "here I am\n"
    yield running
    daemon.burrow("app", "stop", "looked_at")
    running.communicate(timeout=30)


def test_ps_lists_the_container_of_a_running_call(burrow: Run, looked_at: object) -> None:
    lines = burrow("ps").stdout.splitlines()
    assert lines[0].split()[:4] == ["CONTAINER", "APP", "FUNCTION", "STATE"]
    assert [line.split()[1:4] for line in lines[1:] if "looked_at" in line] == [
        ["looked_at", "linger", "ready"]
    ]


def test_app_ls_lists_a_running_app_and_with_all_a_stopped_one(
    burrow: Run, looked_at: object
) -> None:
    assert "looked_at" in burrow("app", "ls").stdout
    stopped = burrow("app", "stop", "looked_at")
    assert stopped.returncode == 0
    assert "1 containers stopped, 1 calls cancelled" in stopped.stdout
    assert "looked_at" not in burrow("app", "ls").stdout
    assert "looked_at" in burrow("app", "ls", "--all").stdout


def test_logs_shows_what_an_app_printed_after_it_ended(burrow: Run, run: Run) -> None:
    code = "@app.function()\ndef say():\n    for i in range(5): print('line', i)"
    assert run(code, "say.remote()").returncode == 0
    assert "line 0\nline 1\nline 2\nline 3\nline 4\n" in burrow("logs", "the_app").stdout
    assert burrow("logs", "--tail", "1", "the_app").stdout == "line 4\n"


def test_logs_of_a_call_leaves_out_its_neighbours_in_the_container(burrow: Run, run: Run) -> None:
    code = """
    @app.function(max_containers=1)
    @burrow.concurrent(max_inputs=2)
    def say(word):
        print(word, "began")
        print(word, "ended")
    """
    main = (
        "calls = [say.spawn(word) for word in ('one', 'two')]\nburrow.FunctionCall.gather(*calls)\n"
    )
    ended = run(code, main + "for call in calls: print(call.object_id)")
    assert ended.returncode == 0, ended.stderr
    ids = [line for line in ended.stdout.splitlines() if line.startswith("fc-")]
    for call, word in zip(ids, ("one", "two")):
        shown = burrow("logs", "--call", call, "the_app")
        assert (shown.returncode, shown.stdout) == (0, "%s began\n%s ended\n" % (word, word))
    assert len(ids) == 2
    unknown = burrow("logs", "--call", "fc-" + "0" * 26, "the_app")
    assert (unknown.returncode, unknown.stdout) == (0, ""), unknown.stderr


def test_logs_of_an_unknown_app_is_an_error(burrow: Run) -> None:
    ended = burrow("logs", "nobody_knows_it")
    assert ended.returncode != 0
    assert "nobody_knows_it" in ended.stderr


def test_image_ls_lists_the_images_that_were_built(burrow: Run, run: Run) -> None:
    assert run("@app.function()\ndef f(): pass", "f.remote()").returncode == 0
    lines = burrow("image", "ls").stdout.splitlines()
    assert lines[0].split()[:4] == ["IMAGE", "NAMES", "FILES", "SIZE"]
    assert any(line.startswith("im-") and int(line.split()[2]) > 1000 for line in lines[1:])


def test_stopping_an_unknown_app_is_an_error(burrow: Run) -> None:
    ended = burrow("app", "stop", "nobody_knows_it")
    assert ended.returncode != 0
    assert "nobody_knows_it" in ended.stderr
