"""A function that cannot be loaded is reported in one sentence, and the runner ends."""

from __future__ import annotations

import pickle

import pytest

from runner_worker import Launch


def test_a_module_that_is_not_there_is_named(launch: Launch) -> None:
    worker = launch("")
    failed = worker.start("f", module="elsewhere")
    assert failed["t"] == "failed"
    assert failed["error"]["type"] == "ModuleNotFoundError"
    assert "module elsewhere is neither in the uploaded source" in failed["error"]["message"]
    assert worker.status() == 1


def test_a_dependency_that_is_not_there_is_named_with_the_way_to_get_it(launch: Launch) -> None:
    worker = launch("import no_such_package")
    error = worker.start("f")["error"]
    assert "user_code needs no_such_package" in error["message"]
    assert "Image.apt_install" in error["message"]
    assert error["frames"][-1]["source"] == "import no_such_package"
    assert worker.status() == 1


@pytest.mark.parametrize(
    "code, type_",
    [
        ("1 / 0", "ZeroDivisionError"),
        ("def f(:", "SyntaxError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    ],
)
def test_a_module_that_raises_fails_with_that_error(launch: Launch, code: str, type_: str) -> None:
    worker = launch(code)
    failed = worker.start("f")
    assert failed["t"] == "failed"
    assert failed["error"]["type"] == type_
    assert "module user_code could not be imported: " + type_ in failed["error"]["message"]
    assert worker.status() == 1


def test_the_original_exception_comes_with_the_failure(launch: Launch) -> None:
    worker = launch("raise OSError(28, 'full')")
    worker.send({"t": "start", "module": "user_code", "qualname": "f", "name": "f"})
    worker.expect("hello")
    assert pickle.loads(worker.expect("failed")[1]).errno == 28


@pytest.mark.parametrize(
    "qualname, words",
    [
        ("missing", "module user_code has no missing"),
        ("outer.<locals>.f", "defined inside another function"),
        ("number", "number is a int, not a function"),
    ],
)
def test_a_function_that_is_not_found_is_named(launch: Launch, qualname: str, words: str) -> None:
    worker = launch("number = 4")
    error = worker.start(qualname)["error"]
    assert error["type"] == "ImportFailedError"
    assert words in error["message"]
    assert worker.status() == 1


def test_a_serialized_function_that_cannot_be_read_is_a_failure(launch: Launch) -> None:
    worker = launch("")
    failed = worker.start("f", body=b"cabsent_module\nf\n.")
    assert failed["error"]["type"] == "DeserializationError"
    assert "needs module absent_module" in failed["error"]["message"]


def test_user_files_named_like_the_standard_library_do_not_break_the_runner(
    launch: Launch, tmp_path: object
) -> None:
    from pathlib import Path

    for name in ("json", "signal", "asyncio", "traceback", "linecache"):
        (Path(str(tmp_path)) / (name + ".py")).write_text("raise RuntimeError('the wrong one')")
    worker = launch("async def f(x):\n    return 1 / x")
    worker.start("f")
    assert worker.error(0)[0]["error"]["type"] == "ZeroDivisionError"
    assert worker.value(1) == 1


def test_what_a_module_prints_while_it_is_imported_is_out_before_ready(launch: Launch) -> None:
    worker = launch("print('importing', end='\\n')\ndef f(): pass")
    assert worker.start("f")["t"] == "ready"
    assert worker.read_line() == "importing\n"


def test_a_first_frame_that_is_not_start_ends_the_runner(launch: Launch) -> None:
    worker = launch("")
    worker.send({"t": "call", "id": "x", "attempt": 1})
    assert worker.status() == 2
    assert "the first frame is not `start`" in worker.output()[1]


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 64, b"\x02\0\0\0\0\0\0\0[]", b"\x02\0\0\0\0\0\0\0{x", b"\1\0\0\0\0\0\0\0\xff"],
)
def test_bytes_that_are_no_frame_end_the_runner(launch: Launch, data: bytes) -> None:
    worker = launch("")
    worker.socket.sendall(data)
    assert worker.status() == 2
    assert worker.output()[1].startswith("burrow runner: ")
