"""Several calls at once in one runner, and several calls as one."""

from __future__ import annotations

import pickle
from typing import Any, Dict, List, Tuple

import pytest

from runner_worker import Launch, Worker


def answers(worker: Worker, count: int) -> Dict[str, Any]:
    """The next outcomes by call id: values, or error headers."""
    found: Dict[str, Any] = {}
    while len(found) < count:
        header, body = worker.receive()
        if header["t"] == "result":
            found[header["id"]] = pickle.loads(body)
        elif header["t"] == "error":
            found[header["id"]] = header
    return found


def outputs(worker: Worker, count: int) -> List[Tuple[str, str, str]]:
    """The next printed texts: call id, stream, text."""
    found = []
    while len(found) < count:
        header, body = worker.expect("output")
        found.append((header["id"], header["stream"], body.decode()))
    return found


MEETING = """
import threading
import burrow

barrier = threading.Barrier(3)

def meet(name):
    barrier.wait(30)
    print("met as", name)
    return burrow.current_call_id()
"""


def test_sync_calls_run_in_threads_and_their_lines_are_told_apart(launch: Launch) -> None:
    worker = launch(MEETING)
    worker.start("meet", max_inputs=3)
    for name in "abc":
        worker.call(name, id="fc-" + name)
    lines, found = [], {}
    while len(found) < 3 or len(lines) < 3:
        header, body = worker.receive()
        if header["t"] == "output":
            lines.append((header["id"], header["stream"], body.decode()))
            assert header["id"] not in found, "a line comes before its call's outcome"
        else:
            found[header["id"]] = pickle.loads(body)
    assert sorted(lines) == [("fc-" + n, "stdout", "met as %s\n" % n) for n in "abc"]
    assert found == {id: id for id in ("fc-a", "fc-b", "fc-c")}
    assert worker.end() == 0


ASYNC_MEETING = """
import asyncio, sys
import burrow

here, all_here = [], None

async def meet(name):
    global all_here
    all_here = all_here or asyncio.Event()  # before Python 3.10 one has the loop it was made in
    here.append(name)
    if len(here) == 2:
        all_here.set()
    await all_here.wait()
    print("no newline", end="", file=sys.stderr)
    return burrow.current_call_id()
"""


def test_async_calls_are_tasks_of_one_loop(launch: Launch) -> None:
    worker = launch(ASYNC_MEETING)
    worker.start("meet", max_inputs=2)
    worker.call("a", id="fc-a")
    worker.call("b", id="fc-b")
    assert sorted(outputs(worker, 1) + outputs_later(worker)) == [
        ("fc-a", "stderr", "no newline"),
        ("fc-b", "stderr", "no newline"),
    ]


def outputs_later(worker: Worker) -> List[Tuple[str, str, str]]:
    found = []
    while not found:
        header, body = worker.receive()
        if header["t"] == "output":
            found.append((header["id"], header["stream"], body.decode()))
    return found


NAPS = """
import asyncio, time

async def nap(seconds):
    print("begun")
    await asyncio.sleep(seconds)
    return seconds

def spin(seconds):
    print("begun")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.001)
    return seconds
"""


@pytest.mark.parametrize("function", ["nap", "spin"])
def test_one_call_is_cancelled_and_its_neighbour_goes_on(launch: Launch, function: str) -> None:
    worker = launch(NAPS)
    worker.start(function, max_inputs=2)
    worker.call(60, id="fc-long")
    outputs(worker, 1)
    worker.call(0.3, id="fc-short")
    outputs(worker, 1)
    worker.send({"t": "cancel", "id": "fc-long", "reason": "timeout"})
    found = answers(worker, 2)
    assert found["fc-short"] == 0.3
    assert found["fc-long"]["cancelled"] is True
    assert found["fc-long"]["error"]["message"] == "the call ran longer than its timeout"


def test_generators_yield_side_by_side(launch: Launch) -> None:
    worker = launch(
        "async def a(n):\n    for i in range(n): yield i\ndef s(n): yield from range(n)"
    )
    for name in "as":
        if name == "s":
            worker = launch("def s(n): yield from range(n)")
        worker.start(name, is_generator=True, max_inputs=2)
        for id in ("fc-1", "fc-2"):
            worker.call(3, id=id)
        items: Dict[str, List[int]] = {"fc-1": [], "fc-2": []}
        ended = 0
        while ended < 2:
            header, body = worker.receive()
            if header["t"] == "item":
                assert header["index"] == len(items[header["id"]])
                items[header["id"]].append(pickle.loads(body))
            else:
                assert header["t"] == "result"
                ended += 1
        assert items == {"fc-1": [0, 1, 2], "fc-2": [0, 1, 2]}


def test_what_no_call_prints_goes_to_the_pipe(launch: Launch) -> None:
    worker = launch(
        """
        import os, threading
        print("while imported")
        asked, answered = threading.Event(), threading.Event()
        def answer():
            asked.wait(30)
            print("from a thread of the module")
            answered.set()
        threading.Thread(target=answer).start()
        def f():
            asked.set()
            answered.wait(30)
            os.system("echo from a child")
        """
    )
    worker.start("f", max_inputs=2)
    worker.call()
    worker.expect("result")
    worker.end()
    assert worker.output()[0] == "while imported\nfrom a thread of the module\nfrom a child\n"


def test_an_exception_is_of_its_call_alone(launch: Launch) -> None:
    worker = launch("def f(x): return 1 // x")
    worker.start("f", max_inputs=2)
    worker.call(0, id="fc-0")
    worker.call(1, id="fc-1")
    found = answers(worker, 2)
    assert found["fc-1"] == 1
    assert found["fc-0"]["error"]["type"] == "ZeroDivisionError"
    assert [frame["function"] for frame in found["fc-0"]["error"]["frames"]] == ["f"]


def test_leaving_the_interpreter_ends_the_container(launch: Launch) -> None:
    worker = launch("import sys\ndef f(): sys.exit(7)")
    worker.start("f", max_inputs=2)
    worker.call()
    assert worker.status() == 7


def test_exit_hooks_run_after_calls_were_cut_short(launch: Launch) -> None:
    worker = launch(
        """
        import asyncio, burrow
        app = burrow.App("a")

        @app.cls()
        @burrow.concurrent(max_inputs=2)
        class Model:
            @burrow.enter()
            async def load(self): self.loop = asyncio.get_running_loop()

            @burrow.method()
            async def nap(self):
                assert self.loop is asyncio.get_running_loop()
                print("begun")
                try:
                    await asyncio.sleep(60)
                finally:
                    print("cut short")

            @burrow.exit()
            async def bye(self): print("bye")
        """
    )
    worker.start("Model", max_inputs=2, **{"class": True})
    worker.send({"t": "call", "id": "fc-1", "attempt": 1, "method": "nap"}, pickle.dumps(((), {})))
    outputs(worker, 1)
    worker.send({"t": "exit"})
    assert outputs(worker, 1) == [("fc-1", "stdout", "cut short\n")]
    assert worker.status() == 0
    assert worker.output()[0] == "bye\n"


DOUBLE = """
import burrow
sizes = []
def double(xs, plus=None):
    sizes.append(len(xs))
    print("a batch of", len(xs))
    if "boom" in xs: raise ValueError("no")
    if "short" in xs: return []
    if "scalar" in xs: return 3
    return [2 * x for x in xs]
async def later(xs):
    return [2 * x for x in xs]
"""


@pytest.mark.parametrize("name", ["double", "later"])
def test_calls_become_one_with_lists(launch: Launch, name: str) -> None:
    worker = launch(DOUBLE)
    worker.start(name, max_batch_size=3, batch_wait_ms=60_000)
    worker.call(1, id="fc-1")
    worker.call(xs=2, id="fc-2")
    worker.call(3, id="fc-3")
    assert answers(worker, 3) == {"fc-1": 2, "fc-2": 4, "fc-3": 6}


def test_a_batch_that_is_not_full_waits_for_so_long(launch: Launch) -> None:
    worker = launch(DOUBLE)
    worker.start("double", max_batch_size=8, batch_wait_ms=50)
    worker.call(1)
    assert outputs(worker, 1) == [("fc-1", "stdout", "a batch of 1\n")]
    assert answers(worker, 1) == {"fc-1": 2}


def test_an_exception_goes_to_all_of_a_batch(launch: Launch) -> None:
    worker = launch(DOUBLE)
    worker.start("double", max_batch_size=2, batch_wait_ms=60_000)
    worker.call(1, id="fc-1")
    worker.call("boom", id="fc-2")
    found = answers(worker, 2)
    assert [found[id]["error"]["message"] for id in ("fc-1", "fc-2")] == ["no", "no"]


@pytest.mark.parametrize(
    "what, words", [("short", "not one of 0 elements"), ("scalar", "not a int")]
)
def test_what_is_no_list_of_the_right_length_is_an_error(
    launch: Launch, what: str, words: str
) -> None:
    worker = launch(DOUBLE)
    worker.start("double", max_batch_size=2, batch_wait_ms=60_000)
    worker.call(1, id="fc-1")
    worker.call(what, id="fc-2")
    found = answers(worker, 2)
    assert words in found["fc-1"]["error"]["message"]
    assert "one element for each of its 2 calls" in found["fc-2"]["error"]["message"]


def test_calls_with_other_arguments_are_batches_of_their_own(launch: Launch) -> None:
    worker = launch(DOUBLE)
    worker.start("double", max_batch_size=2, batch_wait_ms=60_000)
    worker.call(1, id="fc-1")
    worker.call(2, plus=1, id="fc-2")
    assert answers(worker, 2) == {"fc-1": 2, "fc-2": 4}


def test_a_cancelled_call_leaves_its_batch_which_goes_on(launch: Launch) -> None:
    worker = launch(
        """
        import time
        def nap(xs):
            print("begun")
            end = time.monotonic() + max(xs)
            while time.monotonic() < end: time.sleep(0.001)
            return xs
        """
    )
    worker.start("nap", max_batch_size=2, batch_wait_ms=60_000)
    worker.call(0.3, id="fc-1")
    worker.call(0.2, id="fc-2")
    outputs(worker, 1)
    worker.send({"t": "cancel", "id": "fc-1", "reason": "cancelled"})
    found = answers(worker, 2)
    assert found["fc-1"]["cancelled"] is True and found["fc-2"] == 0.2
    worker.call(60, id="fc-3")
    worker.call(60, id="fc-4")
    outputs(worker, 1)
    for id in ("fc-3", "fc-4"):
        worker.send({"t": "cancel", "id": id, "reason": "cancelled"})
    found = answers(worker, 2)
    assert all(found[id]["cancelled"] for id in ("fc-3", "fc-4"))
    worker.call(60, id="fc-5")
    worker.send({"t": "cancel", "id": "fc-5", "reason": "cancelled"})
    assert answers(worker, 1)["fc-5"]["cancelled"] is True
