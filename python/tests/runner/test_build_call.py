"""A function that runs while an image is built: once, with its output as the step's."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

import pytest

from burrow import _serialization

PYTHON_DIRECTORY = str(Path(__file__).resolve().parents[2])
# As the builder starts it, with the call at descriptor 4 and the progress at 3.
BOOTSTRAP = (
    "import sys; sys.path[:1] = [%r, %r]; from burrow._runner.build_call import main; main()"
)

Outcome = Tuple[int, str, str]
Build = Callable[..., Outcome]


def frame(header: Dict[str, Any], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(4, "little") + len(body).to_bytes(4, "little") + text + body


@pytest.fixture
def build(tmp_path: Path) -> Build:
    """`build("def f(): ...", *args)` runs f; gives exit code, output and how far it came."""

    def build(code: str, *args: Any, header: Dict[str, Any] = {}, body: bytes = b"") -> Outcome:
        source = tmp_path / "source"
        source.mkdir(exist_ok=True)
        (source / "user_code.py").write_text(textwrap.dedent(code))
        start = {"module": "user_code", "qualname": "f", "name": "f", "serialized": False, **header}
        arguments = _serialization.dumps((args, {}), what="arguments", carry=False)
        (tmp_path / "call").write_bytes(frame(start, body) + frame({}, arguments))
        command = BOOTSTRAP % (str(source), PYTHON_DIRECTORY)
        done = subprocess.run(
            ["sh", "-c", 'exec 3>progress 4<call "$0" -c "$1"', sys.executable, command],
            cwd=tmp_path,
            env={**os.environ, "BURROW_CALL_FD": "4", "SECRET": "of the build"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout, (tmp_path / "progress").read_text()

    return build


def test_a_function_runs_once_and_what_it_prints_is_the_output(
    build: Build, tmp_path: Path
) -> None:
    code = """
    import os, subprocess
    def f(a, b):
        print("sum", a + b, os.environ["SECRET"], "BURROW_CALL_FD" in os.environ)
        subprocess.run(["echo", "a child's"])
        open("made", "a").write("x")
        return object()
    """
    assert build(code, 1, 2) == (0, "sum 3 of the build False\na child's\n", "1\n")
    assert (tmp_path / "made").read_text() == "x"


def test_its_module_leaves_no_compiled_file(build: Build, tmp_path: Path) -> None:
    assert build("def f(): pass")[0] == 0
    assert not (tmp_path / "source/__pycache__").exists()


def test_an_exception_ends_it_with_the_traceback_of_the_users_code(build: Build) -> None:
    status, text, progress = build("def f():\n    print('before')\n    raise KeyError('missing')")
    assert status == 1
    assert progress == "1\n2\n"
    assert text.startswith("before\nTraceback (most recent call last):\n")
    assert "user_code.py" in text and "raise KeyError('missing')" in text
    assert "build_call.py" not in text
    assert text.endswith("KeyError: 'missing'\n")


def test_a_function_that_cannot_be_loaded_is_told_from_one_that_raises(build: Build) -> None:
    status, text, progress = build("import no_such_module_anywhere")
    assert (status, progress) == (1, "")
    assert "No module named 'no_such_module_anywhere'" in text


def test_an_exit_code_of_its_own_is_kept(build: Build) -> None:
    assert build("import sys\ndef f(): sys.exit(7)")[0] == 7


@pytest.mark.parametrize(
    "code",
    [
        "import asyncio\nasync def f():\n    await asyncio.sleep(0)\n    print('ran')",
        "def f():\n    yield 1\n    print('ran')",
        "async def f():\n    yield 1\n    print('ran')",
    ],
    ids=["async", "generator", "async generator"],
)
def test_what_a_call_only_begins_is_run_to_its_end(build: Build, code: str) -> None:
    assert build(code)[:2] == (0, "ran\n")


def test_a_function_by_value_needs_no_source(build: Build) -> None:
    body = pickle.dumps(print)
    outcome = build("", "by value", header={"serialized": True, "module": ""}, body=body)
    assert outcome[:2] == (0, "by value\n")


def test_a_users_file_does_not_hide_the_standard_library(build: Build, tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    (tmp_path / "source/asyncio.py").write_text("raise SystemExit(9)")
    (tmp_path / "source/traceback.py").write_text("raise SystemExit(9)")
    status, text, _ = build("async def f():\n    raise ValueError('seen')")
    assert status == 1
    assert text.endswith("\nValueError: seen\n")
