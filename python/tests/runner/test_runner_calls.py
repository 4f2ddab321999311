"""What a function returns, raises and yields comes out of the runner."""

from __future__ import annotations

import os
import pickle

import pytest

from runner_worker import Launch


def test_a_call_returns_the_value_of_the_function(launch: Launch) -> None:
    worker = launch("def add(a, b=1): return a + b")
    assert worker.start("add")["t"] == "ready"
    assert worker.value(2) == 3
    assert worker.value(2, b=5) == 7
    assert worker.end() == 0


def test_hello_names_the_python_version_and_its_processor_time(launch: Launch) -> None:
    worker = launch("")
    hello, _ = worker.expect("hello")
    assert hello["python"].startswith("3.")
    assert 0 < hello["cpu_ms"] < 60_000


def test_a_result_carries_call_attempt_and_time(launch: Launch) -> None:
    worker = launch("import time\ndef nap(): time.sleep(0.02)")
    worker.start("nap")
    worker.call(id="fc-7", attempt=3)
    header, body = worker.expect("result")
    assert (header["id"], header["attempt"]) == ("fc-7", 3)
    assert header["run_ms"] >= 20
    assert pickle.loads(body) is None


def test_pipelined_calls_are_answered_in_order(launch: Launch) -> None:
    worker = launch("def double(x): return 2 * x")
    worker.start("double")
    for number in range(100):
        worker.call(number, id="fc-%d" % number)
    answers = [worker.expect("result") for _ in range(100)]
    assert [header["id"] for header, _ in answers] == ["fc-%d" % n for n in range(100)]
    assert [pickle.loads(body) for _, body in answers] == [2 * n for n in range(100)]


def test_large_values_pass_whole(launch: Launch) -> None:
    worker = launch("def mirror(x): return x[::-1]")
    worker.start("mirror")
    data = bytes(range(256)) * (40 << 12)
    assert worker.value(data) == data[::-1]


def test_a_method_is_found_by_its_qualified_name(launch: Launch) -> None:
    worker = launch("class Tools:\n    @staticmethod\n    def inc(x): return x + 1")
    worker.start("Tools.inc")
    assert worker.value(1) == 2


def test_a_decorated_function_is_called_underneath(launch: Launch) -> None:
    worker = launch(
        """
        class Decorated:
            def __init__(self, raw): self._burrow_raw_function = raw
        @Decorated
        def f(): return "raw"
        """
    )
    worker.start("f")
    assert worker.value() == "raw"


def test_a_serialized_function_needs_no_module(launch: Launch) -> None:
    cloudpickle = pytest.importorskip("cloudpickle")
    if "BURROW_TEST_PYTHON" in os.environ:
        pytest.skip("code by value needs the same Python on both sides")
    worker = launch("")
    factor = 3
    worker.start("f", body=cloudpickle.dumps(lambda x: x * factor), module="")
    assert worker.value(5) == 15


def test_an_exception_arrives_with_the_users_frames_only(launch: Launch) -> None:
    worker = launch(
        """
        def inner():
            raise ValueError("no such luck")  # the line

        def outer():
            inner()
        """
    )
    worker.start("outer")
    header, body = worker.error()
    error = header["error"]
    assert (error["type"], error["message"]) == ("ValueError", "no such luck")
    assert [frame["function"] for frame in error["frames"]] == ["outer", "inner"]
    assert error["frames"][1]["source"] == 'raise ValueError("no such luck")  # the line'
    assert error["frames"][1]["line"] == 3
    assert "_runner" not in error["traceback"]
    assert header["cancelled"] is False
    original = pickle.loads(body)
    assert type(original) is ValueError and original.args == ("no such luck",)
    assert worker.end() == 0


def test_frames_of_an_async_function_leave_out_the_event_loop(launch: Launch) -> None:
    worker = launch("async def f():\n    raise KeyError('k')")
    worker.start("f")
    header, _ = worker.error()
    assert [frame["function"] for frame in header["error"]["frames"]] == ["f"]


def test_the_next_call_can_print_after_one_closed_the_output(launch: Launch) -> None:
    worker = launch("import sys\ndef f(close):\n    sys.stdout.close() if close else print('x')")
    worker.start("f")
    assert worker.value(True) is None
    assert worker.value(False) is None


@pytest.mark.parametrize("code", ["raise KeyboardInterrupt", "raise GeneratorExit"])
def test_other_base_exceptions_are_errors_of_the_call(launch: Launch, code: str) -> None:
    worker = launch("def f(bad):\n    if bad: %s\n    return 1" % code)
    worker.start("f")
    assert worker.error(True)[0]["error"]["type"] == code.split()[1]
    assert worker.value(False) == 1


def test_a_result_that_does_not_pickle_is_an_error_that_says_what_to_do(launch: Launch) -> None:
    worker = launch("import threading\ndef f(): return threading.Lock()")
    worker.start("f")
    header, body = worker.error()
    assert header["error"]["type"] == "SerializationError"
    assert "the value that the function returned cannot be pickled" in header["error"]["message"]
    assert "pass plain data" in header["error"]["message"]


def test_an_exception_that_does_not_pickle_keeps_its_name_and_words(launch: Launch) -> None:
    worker = launch(
        """
        import threading
        class Odd(Exception):
            def __init__(self, a, b):
                super().__init__("odd %s" % a)
                self.lock = b
        def f(): raise Odd(1, threading.Lock())
        """
    )
    worker.start("f")
    header, body = worker.error()
    assert (header["error"]["type"], header["error"]["message"]) == ("Odd", "odd 1")
    assert body == b""


def test_an_exception_that_cannot_be_read_back_is_not_sent(launch: Launch) -> None:
    worker = launch(
        """
        class Picky(Exception):
            def __init__(self, *, code): super().__init__("code %d" % code)
        def f(): raise Picky(code=4)
        """
    )
    worker.start("f")
    header, body = worker.error()
    assert header["error"]["message"] == "code 4"
    assert body == b""


def test_an_exception_whose_str_raises_is_still_reported(launch: Launch) -> None:
    worker = launch(
        """
        class Mean(Exception):
            def __str__(self): raise RuntimeError("never")
        def f(): raise Mean()
        """
    )
    worker.start("f")
    assert worker.error()[0]["error"]["type"] == "Mean"
    assert worker.end() == 0


def test_a_huge_message_and_deep_recursion_fit_into_a_header(launch: Launch) -> None:
    worker = launch(
        """
        def deep(n): return deep(n + 1)
        def f(kind):
            if kind: raise ValueError("\\x01\\udc80" * 5_000_000)
            deep(0)
        """
    )
    worker.start("f")
    assert len(worker.error(True)[0]["error"]["message"]) < 20_000
    header, _ = worker.error(False)
    assert header["error"]["type"] == "RecursionError"
    assert len(header["error"]["frames"]) <= 100


def test_arguments_that_cannot_be_read_are_an_error_that_names_the_module(launch: Launch) -> None:
    worker = launch("def f(x): return x")
    worker.start("f")
    body = b"cabsent_module\nThing\n."
    worker.send({"t": "call", "id": "fc-1", "attempt": 1}, body + b"burrow:python=2.7")
    header, _ = worker.expect("error")
    assert header["error"]["type"] == "DeserializationError"
    assert "needs module absent_module" in header["error"]["message"]
    assert "written by Python 2.7, read by Python 3." in header["error"]["message"]
    assert worker.value(1) == 1


def test_a_result_over_the_limit_is_an_error_that_says_what_to_do(launch: Launch) -> None:
    lowered = "from burrow._runner import values\nvalues.MAX_BODY_BYTES = 2 << 20\n"
    worker = launch(lowered + "def f(n): return bytes(n)")
    worker.start("f")
    error = worker.error((2 << 20) + 1)[0]["error"]
    assert error["type"] == "SerializationError"
    assert "at most 2 MiB" in error["message"] and "generator" in error["message"]
    assert worker.value(1) == b"\0"


def test_a_generator_sends_items_as_they_are_yielded(launch: Launch) -> None:
    worker = launch(
        """
        def count(n):
            for i in range(n):
                print("at", i)
                yield i
        """
    )
    worker.start("count", is_generator=True)
    worker.call(3)
    items = [worker.expect("item") for _ in range(3)]
    assert [(h["index"], pickle.loads(b)) for h, b in items] == [(0, 0), (1, 1), (2, 2)]
    assert worker.expect("result")[0]["id"] == "fc-1"


def test_an_async_generator_sends_items_as_they_are_yielded(launch: Launch) -> None:
    worker = launch(
        """
        import asyncio
        async def count(n):
            for i in range(n):
                await asyncio.sleep(0)
                yield i
        """
    )
    worker.start("count", is_generator=True)
    for _ in range(2):
        worker.call(2)
        assert [pickle.loads(worker.expect("item")[1]) for _ in range(2)] == [0, 1]
        worker.expect("result")


@pytest.mark.parametrize("prefix", ["", "async "])
def test_a_generator_that_raises_ends_with_the_error(launch: Launch, prefix: str) -> None:
    worker = launch(prefix + "def g():\n    yield 1\n    raise OSError(5, 'disk')")
    worker.start("g", is_generator=True)
    worker.call()
    worker.expect("item")
    assert worker.expect("error")[0]["error"]["type"] == "OSError"


def test_async_functions_share_one_event_loop(launch: Launch) -> None:
    worker = launch(
        """
        import asyncio
        async def f():
            await asyncio.sleep(0)
            return id(asyncio.get_running_loop())
        """
    )
    worker.start("f")
    assert worker.value() == worker.value()
    assert worker.end() == 0


def test_every_line_is_out_before_its_calls_result(launch: Launch) -> None:
    worker = launch(
        """
        import os, subprocess, sys
        def f(n):
            print("python", n)
            subprocess.run(["echo", "child", str(n)])
            os.write(1, b"raw %d\\n" % n)
            print("no newline", end="")
            sys.stderr.write("complaint")
        """
    )
    worker.start("f")
    worker.value(1)
    assert worker.read_line() == "python 1\n"
    assert worker.read_line() == "child 1\n"
    assert worker.read_line() == "raw 1\n"
    worker.end()
    out, err = worker.output()
    assert out == "no newline"
    assert err == "complaint"


def test_a_printed_line_is_one_write(launch: Launch) -> None:
    worker = launch(
        """
        import sys
        def f(): return sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout.encoding
        """
    )
    worker.start("f")
    assert worker.value()[:2] == (True, False)
