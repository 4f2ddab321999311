"""`burrow serve`: what is saved is swapped, what is broken is not."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Dict, Iterator, List

import pytest
from small_burrowd import SmallBurrowd
from test_command_line import LAUNCHER

from burrow._client.digest_cache import DigestCache
from burrow._client.source_state import read_source, touched_functions
from burrow.cli.load_app import import_file

DEADLINE_S = 60.0
APP = """
import burrow
app = burrow.App("served")
@app.function()
def value():
    return %s
"""


class Serving:
    """A `burrow serve` that runs, and what it says."""

    def __init__(self, path: Path, *options: str) -> None:
        env = dict(os.environ, BURROW_PYTHON=sys.executable, PYTHONDONTWRITEBYTECODE="")
        self.process = subprocess.Popen(
            [str(LAUNCHER), "serve", str(path), *options],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
        )
        self._lines: "queue.Queue[str]" = queue.Queue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._lines.put(line.rstrip("\n"))
        self._lines.put("(ended)")

    def until(self, pattern: str) -> List[str]:
        """The lines up to one that begins so."""
        lines: List[str] = []
        while not lines or not re.match(pattern, lines[-1]):
            try:
                lines.append(self._lines.get(timeout=DEADLINE_S))
            except queue.Empty:
                raise AssertionError("%r did not come: %r" % (pattern, lines)) from None
            assert lines[-1] != "(ended)" or pattern == r"\(ended", lines
        return lines

    def end(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        code = self.process.wait(DEADLINE_S)
        assert self.process.stdout is not None and self.process.stderr is not None
        self._thread.join(DEADLINE_S)
        self.process.stdout.close()
        self.process.stderr.close()
        return code


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "source" / "served_app.py"
    path.parent.mkdir()
    path.write_text(APP % 1)
    return path


@pytest.fixture
def serving(burrowd: SmallBurrowd, path: Path) -> Iterator[Serving]:
    burrowd.methods["Containers/List"] = lambda request: {}
    serving = Serving(path)
    serving.until("serving")
    yield serving
    if serving.process.poll() is None:
        serving.process.kill()
    serving.end()


def published(burrowd: SmallBurrowd) -> List[Dict[str, Any]]:
    return burrowd.called("Apps/Publish")


def test_a_saved_file_is_swapped_under_the_same_app_and_only_it_travels(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    assert burrowd.functions["fn-value"]() == 1
    before = len(burrowd.blobs)
    path.write_text(APP % 2)  # of the same size, within the same second
    assert re.match(r"swapped value\(\) in \d+ ms$", serving.until("swapped")[-1])
    assert burrowd.functions["fn-value"]() == 2
    assert [request["appId"] for request in published(burrowd)] == ["ap-1", "ap-1"]
    assert len(burrowd.blobs) == before + 1
    assert len(burrowd.called("Images/Build")) == 1
    assert not burrowd.stopped


def test_ctrl_c_stops_the_app(burrowd: SmallBurrowd, serving: Serving) -> None:
    assert serving.end() == 130
    assert [request["app"] for request in burrowd.stopped] == ["ap-1"]


def test_an_app_that_somebody_else_stops_ends_it(burrowd: SmallBurrowd, serving: Serving) -> None:
    burrowd.events.put(None)
    serving.until("the app was stopped")
    serving.until(r"\(ended")
    assert serving.end() == 0


def test_what_does_not_import_is_shown_once_and_leaves_the_old_code(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    path.write_text(APP % "(")
    lines = serving.until("the old code stays")
    assert any(line.startswith("SyntaxError") for line in lines)
    path.write_text(APP % 1 + "raise ValueError('at import')\n")
    lines = serving.until("the old code stays")
    assert "ValueError: at import" in lines and "    raise ValueError('at import')" in lines
    assert not any("/burrow/cli/" in line for line in lines)
    assert burrowd.functions["fn-value"]() == 1 and len(published(burrowd)) == 1
    path.write_text(APP % 3)
    assert serving.until("swapped")[:-1] == []
    assert burrowd.functions["fn-value"]() == 3


def test_a_file_that_becomes_what_it_was_swaps_nothing(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    path.write_text(APP % "(")
    serving.until("the old code stays")
    path.write_text(APP % 1)
    serving.until("nothing to swap")
    assert len(published(burrowd)) == 1


def test_a_file_that_is_gone_for_a_while_leaves_the_old_code(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    path.unlink()
    serving.until("Error: Cannot read .*served_app.py")
    path.write_text(APP % 4)
    serving.until("swapped")
    assert burrowd.functions["fn-value"]() == 4


def test_a_module_may_come_after_the_file_that_imports_it(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    path.write_text("import served_helper\n" + APP % "served_helper.VALUE")
    assert any("No module named 'served_helper'" in line for line in serving.until("the old code"))
    (path.parent / "served_helper.py").write_text("VALUE = 5\n")
    serving.until("swapped")
    assert {file["path"] for file in published(burrowd)[-1]["source"]} == {
        "served_app.py",
        "served_helper.py",
    }
    (path.parent / "served_helper.py").write_text("VALUE = 6\n")
    serving.until("swapped value")
    (path.parent / "other.txt").write_text("nobody's")
    (path.parent / "unused.py").write_text("nobody's")
    new = path.parent / ".served_helper.py.new"
    new.write_text("VALUE = 7\n")
    os.replace(new, path.parent / "served_helper.py")
    assert serving.until("swapped value")[:-1] == []
    assert len(published(burrowd)) == 4


def test_functions_that_a_change_does_not_reach_are_not_published(
    burrowd: SmallBurrowd, path: Path
) -> None:
    burrowd.methods["Containers/List"] = lambda request: {
        "containers": [
            {"appId": "ap-1", "function": "near", "state": "CONTAINER_STATE_READY"},
            {"appId": "ap-2", "function": "value", "state": "CONTAINER_STATE_READY"},
        ]
    }
    (path.parent / "near_part.py").write_text(
        "import burrow\npart = burrow.App('part')\n@part.function()\ndef near():\n    return 1\n"
    )
    path.write_text("import near_part\n" + APP % 1 + "\napp.include(near_part.part)\n")
    serving = Serving(path)
    try:
        serving.until("serving value.., near..")
        path.write_text(path.read_text() + "# another line\n")
        serving.until(r"swapped value\(\) in")
        (path.parent / "near_part.py").write_text(
            (path.parent / "near_part.py").read_text().replace("return 1", "return 2")
        )
        serving.until(r"swapped value\(\), near\(\) in")
        path.write_text(
            "import burrow, near_part\napp = burrow.App('served').include(near_part.part)\n"
        )
        assert serving.until(r"removed value\(\) in")[:-1] == []
    finally:
        serving.end()
    names = [[spec["name"] for spec in request["functions"]] for request in published(burrowd)]
    assert names == [["value", "near"], ["value"], ["value", "near"], []]
    assert [request.get("warm") for request in published(burrowd)] == [None, None, ["near"], None]


def test_everything_in_a_package_counts_and_new_directories_too(
    burrowd: SmallBurrowd, tmp_path: Path
) -> None:
    burrowd.methods["Containers/List"] = lambda request: {}
    package = tmp_path / "shop_package"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("from .main import app\n")
    (package / "main.py").write_text(APP % "prices.VALUE" + "from . import prices\n")
    (package / "prices.py").write_text("VALUE = 1\n")
    burrowd.methods["Apps/Publish"] = lambda request: {"functionIds": {"value": "fn-value"}}
    serving = Serving(package / "main.py")
    try:
        serving.until("serving")
        (package / "prices.py").write_text("VALUE = 1 / 0\n")
        lines = serving.until("the old code stays")
        assert "ZeroDivisionError: division by zero" in lines
        assert not any("importlib" in line for line in lines)
        (package / "prices.py").write_text("VALUE = 2\n")
        serving.until("swapped value")
        (package / "data" / "table.csv").write_text("1\n")
        serving.until("swapped value")
        (package / "new" / "deep").mkdir(parents=True)
        (package / "new" / "deep" / "list.txt").write_text("1\n")
        serving.until("swapped value")
    finally:
        serving.end()
    paths = [{file["path"] for file in request["source"]} for request in published(burrowd)]
    assert paths[2] - paths[1] == {"shop_package/data/table.csv"}
    assert paths[3] - paths[2] == {"shop_package/new/deep/list.txt"}


def test_a_function_that_the_source_has_no_more_is_removed(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    path.write_text((APP % 1).replace("def value", "def other"))
    serving.until(r"swapped other\(\), removed value\(\) in \d+ ms$")
    path.write_text("import burrow\napp = burrow.App('served')\n")
    serving.until(r"removed other\(\) in ")
    last = published(burrowd)[-1]
    assert (last["functions"], last["removed"]) == ([], ["other"])
    path.write_text(APP % 2)
    serving.until(r"swapped value\(\) in ")
    assert "removed" not in published(burrowd)[-1]


def test_a_refused_change_leaves_the_old_code(
    burrowd: SmallBurrowd, serving: Serving, path: Path
) -> None:
    burrowd.build_error = "no such package"
    path.write_text((APP % 2).replace("function()", "function(image=burrow.Image.from_scratch())"))
    lines = serving.until("the old code stays")
    assert any("no such package" in line for line in lines)
    burrowd.build_error = ""
    path.write_text(APP % 3)
    serving.until("swapped value")
    assert burrowd.functions["fn-value"]() == 3


def test_a_file_that_never_imported_ends_it_at_once(burrowd: SmallBurrowd, path: Path) -> None:
    path.write_text("raise ValueError('at once')\n")
    serving = Serving(path)
    assert "ValueError: at once" in serving.until(r"\(ended")
    assert serving.end() == 1 and not published(burrowd)


def test_a_computed_import_may_need_anything(tmp_path: Path) -> None:
    modules, paths = set(sys.modules), list(sys.path)
    try:
        (tmp_path / "computing.py").write_text(
            "import burrow, importlib, plain_part\napp = burrow.App('a').include(plain_part.part)\n"
            "@app.function()\ndef f():\n    return importlib.import_module('late_part')\n"
        )
        (tmp_path / "plain_part.py").write_text(
            "import burrow\npart = burrow.App('part')\n@part.function()\ndef g():\n    pass\n"
            "def inner():\n    import late_part, deep_part\n"
        )
        (tmp_path / "late_part.py").write_text("")
        (tmp_path / "deep_part.py").write_text("")
        app = import_file(str(tmp_path / "computing.py")).app
        state = read_source(app, str(tmp_path / "computing.py"), DigestCache(smallest=0))
        assert len(state.digests) == 4

        def touched(*names: str) -> List[str]:
            changed = {str(tmp_path / name) for name in names}
            return sorted(touched_functions(app, changed, state))

        assert touched("computing.py") == ["f"]
        assert touched("late_part.py") == touched("plain_part.py") == ["f", "g"]
        assert touched("gone.py") == ["f", "g"]
    finally:
        for name in set(sys.modules) - modules:
            del sys.modules[name]
        sys.path[:] = paths
