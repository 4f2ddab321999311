"""Values and errors cross between two Pythons that do not share their modules."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import threading
import traceback
from pathlib import Path
from typing import Any, Dict

import pytest

PACKAGE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(PACKAGE))

from burrow import exception  # noqa: E402
from burrow._serialization import dumps, dumps_by_value, loads, raise_remote  # noqa: E402


def run(code: str, *arguments: str, isolated: bool = False) -> "subprocess.CompletedProcess[str]":
    """Runs a program of its own; `isolated` from the packages that are installed here."""
    flags = ["-S"] if isolated else []
    return subprocess.run(
        [sys.executable, *flags, "-c", textwrap.dedent(code), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=dict(os.environ, PYTHONPATH=str(PACKAGE)),
        timeout=60,
    )


def error(**more: Any) -> Dict[str, Any]:
    frame = {"file": "/gone/far.py", "line": 12, "function": "inner", "source": "explode(now)"}
    return {"type": "ValueError", "message": "boom", "frames": [frame], **more}


def test_plain_values_come_back_equal() -> None:
    value = {"a": [1, 2.5, None, b"x"], ("k",): {3}, "__main__": "only a word"}
    assert loads(dumps(value, what="it")) == value


def test_a_value_that_does_not_pickle_is_named() -> None:
    with pytest.raises(exception.SerializationError, match="^argument 1 of f cannot be pickled"):
        dumps(threading.Lock(), what="argument 1 of f")


def test_a_closure_travels_to_a_python_without_cloudpickle(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    factor = 3
    (tmp_path / "value").write_bytes(dumps(lambda x: factor * x, what="it"))
    reader = """
        import sys
        from burrow._serialization import loads
        print(loads(open(sys.argv[1], "rb").read())(4))
    """
    ended = run(reader, str(tmp_path / "value"), isolated=True)
    assert (ended.stdout, ended.stderr) == ("12\n", "")


def test_a_class_of_main_travels_by_value(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    writer = """
        import sys
        from burrow._serialization import dumps
        class Point:
            x = 5
        open(sys.argv[1], "wb").write(dumps([Point()], what="it"))
    """
    assert run(writer, str(tmp_path / "value")).stderr == ""
    assert loads((tmp_path / "value").read_bytes())[0].x == 5


def test_without_cloudpickle_a_class_of_main_is_refused_with_the_way_out() -> None:
    ended = run(
        """
        from burrow._serialization import dumps
        class Point: pass
        print(len(dumps("__main__", what="a word")) > 0)
        dumps(Point(), what="argument 1 of f")
        """,
        isolated=True,
    )
    assert ended.stdout == "True\n"
    assert "argument 1 of f cannot be pickled: Point is defined in __main__" in ended.stderr
    assert "install cloudpickle" in ended.stderr


def test_without_cloudpickle_by_value_is_refused_with_the_way_out() -> None:
    code = "from burrow._serialization import dumps_by_value\ndumps_by_value(lambda: 1)"
    assert "python3 -m pip install cloudpickle" in run(code, isolated=True).stderr


def test_a_function_by_value_brings_its_module_along(tmp_path: Path) -> None:
    pytest.importorskip("cloudpickle")
    (tmp_path / "only_here.py").write_text(
        "def helper(x): return x + 1\ndef f(x): return helper(x)"
    )
    sys.path.insert(0, str(tmp_path))
    try:
        import only_here  # type: ignore[import]

        (tmp_path / "value").write_bytes(dumps_by_value(only_here.f))
    finally:
        sys.path.remove(str(tmp_path))
    reader = """
        import sys
        from burrow._serialization import loads
        print(loads(open(sys.argv[1], "rb").read())(1))
    """
    ended = run(reader, str(tmp_path / "value"), isolated=True)
    assert (ended.stdout, ended.stderr) == ("2\n", "")


def test_code_of_another_python_is_refused() -> None:
    from burrow._carrier import unpack

    with pytest.raises(exception.SerializationError, match="with Python 2.7 and cannot run on"):
        unpack(b"", {}, "2.7")


def test_what_another_python_wrote_and_this_one_lacks_is_refused_with_the_way_out() -> None:
    written = b"cjson\nNoSuchClass\n." + b"burrow:python=2.7"
    with pytest.raises(exception.SerializationError) as caught:
        loads(written)
    said = str(caught.value)
    assert "written by Python 2.7, read by Python %d.%d" % sys.version_info[:2] in said
    assert "AttributeError" in said and "NoSuchClass" in said
    assert "debian_slim(python_version=...)" in said and "pip_install" in said
    assert said.endswith("or pass plain data")


def test_the_original_exception_is_raised_with_the_remote_lines() -> None:
    original = dumps(ValueError("boom", 7), what="it")
    with pytest.raises(ValueError) as caught:
        raise_remote(error(), original, "CALL_STATUS_USER_ERROR")
    assert caught.value.args == ("boom", 7)
    printed = "".join(
        traceback.format_exception(ValueError, caught.value, caught.value.__traceback__)
    )
    assert 'File "/gone/far.py", line 12, in inner\n    explode(now)\n' in printed


def test_an_uncaught_remote_exception_prints_the_remote_lines() -> None:
    ended = run(
        f"""
        from burrow._serialization import dumps, raise_remote
        raise_remote({error()!r}, dumps(ValueError("boom"), what="it"), "CALL_STATUS_USER_ERROR")
        """
    )
    assert (
        'File "/gone/far.py", line 12, in inner\n    explode(now)\nValueError: boom' in ended.stderr
    )


def test_the_cause_of_a_remote_exception_is_printed() -> None:
    text = "Traceback\nKeyError: 1\n\nDuring handling of the above exception, another exception occurred:\n"
    with pytest.raises(ValueError) as caught:
        raise_remote(error(traceback=text), dumps(ValueError(), what=""), "CALL_STATUS_USER_ERROR")
    assert "KeyError: 1" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    "status, kind",
    [
        ("CALL_STATUS_USER_ERROR", exception.RemoteError),
        ("CALL_STATUS_TIMEOUT", exception.FunctionTimeoutError),
        ("CALL_STATUS_OUT_OF_MEMORY", exception.OutOfMemoryError),
        ("CALL_STATUS_OUT_OF_DISK", exception.OutOfDiskError),
        ("CALL_STATUS_CRASHED", exception.ContainerCrashedError),
        ("CALL_STATUS_CANCELLED", exception.CancelledError),
        ("CALL_STATUS_IMPORT_FAILED", exception.ImportFailedError),
        ("CALL_STATUS_INFRASTRUCTURE", exception.InfrastructureError),
    ],
)
def test_each_status_has_its_error(status: str, kind: type) -> None:
    with pytest.raises(kind, match="boom"):
        raise_remote(error(), None, status)


def test_an_exception_that_cannot_be_read_here_keeps_its_words() -> None:
    with pytest.raises(exception.RemoteError, match="ValueError: boom .*needs module nowhere"):
        raise_remote(error(), b"cnowhere\nError\n.", "CALL_STATUS_USER_ERROR")


def test_a_remote_keyboard_interrupt_is_no_interrupt_here() -> None:
    with pytest.raises(exception.RemoteError, match="KeyboardInterrupt"):
        raise_remote(
            error(type="KeyboardInterrupt"),
            dumps(KeyboardInterrupt(), what="it"),
            "CALL_STATUS_USER_ERROR",
        )


def test_a_remote_error_without_words_is_its_name() -> None:
    with pytest.raises(exception.RemoteError, match="^GeneratorExit$"):
        raise_remote(error(type="GeneratorExit", message=""), None, "CALL_STATUS_USER_ERROR")


def test_burrows_own_remote_errors_come_back_as_themselves() -> None:
    with pytest.raises(exception.SerializationError, match="boom"):
        raise_remote(error(type="SerializationError"), None, "CALL_STATUS_USER_ERROR")
