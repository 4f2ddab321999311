"""What a build or an import waits for is said while it waits."""

from __future__ import annotations

import io
import queue
from typing import Any, Dict, Iterator

import pytest
from fake_server import DropConnection
from small_burrowd import SmallBurrowd
from test_command_line import burrow
from test_live_region import Screen

from burrow._client import watcher as watcher_module
from burrow._client.config import Config
from burrow._client.reporter import Reporter
from burrow._client.transport import Transport
from burrow._client.watcher import Watcher
from burrow.cli.build_lines import BuildLines
from burrow.cli.build_tree import BuildTree
from burrow.cli.plain_report import PlainReport
from burrow.cli.status_tree import StatusTree

STARTED = {"step": 1, "state": "STATE_STARTED", "description": "RUN make"}
WAITS = {"step": 1, "waitsFor": "its turn on the worker"}


def test_an_import_names_the_silent_registry_at_once(burrowd: SmallBurrowd) -> None:
    def importing(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        for _ in range(3):
            yield {"progress": {"waitsFor": "registry.example:5000"}}
        yield {"progress": {"layers": 2, "layersDone": 2}}
        yield {"image": {"imageId": "im-1"}}

    burrowd.methods["Images/Import"] = importing
    done = burrow("image", "import", "registry.example:5000/image")
    assert done.returncode == 0, done.stderr
    assert done.stderr.splitlines() == [
        "waiting for registry.example:5000 ...",
        "importing: 2 of 2 layers",
    ]


@pytest.mark.parametrize(
    "report, expected",
    [
        (BuildLines, "#1   waiting for its turn on the worker ...\n"),
        (PlainReport, "waiting for its turn on the worker ...\n"),
    ],
)
def test_plain_lines_say_what_a_step_waits_for(
    capsys: pytest.CaptureFixture[str], report: Any, expected: str
) -> None:
    lines = report()
    lines.image_step(STARTED)
    capsys.readouterr()
    lines.image_wait(WAITS)
    lines.image_wait({"step": 1})
    assert capsys.readouterr().err == expected


def test_a_run_says_that_it_waits_for_a_server_that_went_away(
    monkeypatch: pytest.MonkeyPatch, burrowd: SmallBurrowd
) -> None:
    monkeypatch.setattr(watcher_module, "_SAID_AFTER", 0.0)
    said: "queue.Queue[str]" = queue.Queue()
    reporter = Reporter()
    monkeypatch.setattr(reporter, "note", said.put)

    def away(request: Dict[str, Any]) -> Dict[str, Any]:
        raise DropConnection

    burrowd.methods["Apps/Watch"] = away
    watcher = Watcher(Transport(Config(burrowd.url, "", "test")), "ap-1", reporter)
    assert "does not answer: trying for another 60 s" in said.get(timeout=30)
    assert not watcher.finish(0.0)


@pytest.mark.parametrize("tree", [BuildTree, StatusTree])
def test_a_terminal_shows_what_a_step_waits_for_until_it_goes_on(tree: Any) -> None:
    terminal = io.StringIO()
    shown = tree(terminal)
    shown.image_step(STARTED)
    shown.image_wait(WAITS)
    lines = Screen().feed(terminal.getvalue()).lines
    assert any(line.endswith(" waiting for its turn on the worker ...") for line in lines)
    shown.image_wait({"step": 1})
    assert "waiting" not in "".join(Screen().feed(terminal.getvalue()).lines)
    shown.close() if tree is BuildTree else shown.stopped()
