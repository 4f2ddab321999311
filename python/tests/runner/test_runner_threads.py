"""Threads of the user's own belong to the call that starts them, where several calls run at once."""

from __future__ import annotations

from collections import Counter
from typing import Tuple

import pytest

from runner_worker import Launch, Worker


def printed(worker: Worker, calls: int) -> "Counter[Tuple[str, str]]":
    """Call ids and texts until that many calls have ended well."""
    found: "Counter[Tuple[str, str]]" = Counter()
    while calls:
        header, body = worker.receive()
        if header["t"] == "output":
            found[header["id"], body.decode()] += 1
        else:
            assert header["t"] == "result", header
            calls -= 1
    return found


# Two calls are in it at once before either of them starts a thread.
TOGETHER = """
import threading
barrier = threading.Barrier(2)

def both(function):
    def run(name):
        barrier.wait(30)
        function(name)
    return run
"""


def check_two(worker: Worker, function: str = "f") -> None:
    worker.start(function, max_inputs=2)
    worker.call("a", id="fc-a")
    worker.call("b", id="fc-b")
    assert printed(worker, 2) == {("fc-a", "a\n"): 1, ("fc-b", "b\n"): 1}
    assert worker.end() == 0
    assert worker.output() == ("", "")


def test_what_a_thread_prints_is_of_the_call_that_started_it(launch: Launch) -> None:
    code = """
def start(name):
    thread = threading.Thread(target=print, args=(name,))
    thread.start()
    thread.join()
f = both(start)
"""
    check_two(launch(TOGETHER + code))


def test_a_thread_of_a_thread_is_of_the_same_call(launch: Launch) -> None:
    code = """
def start(name):
    inner = threading.Timer(0, print, args=(name,))
    outer = threading.Thread(target=inner.start)
    outer.start()
    outer.join()
    inner.join()
f = both(start)
"""
    check_two(launch(TOGETHER + code))


def test_a_subclass_that_overrides_run_and_start_is_of_its_call(launch: Launch) -> None:
    code = """
class Own(threading.Thread):
    def start(self):
        self.started_by = threading.current_thread().name
        super().start()
    def run(self):
        print(self.name)

def start(name):
    thread = Own(name=name)
    thread.start()
    thread.join()
f = both(start)
"""
    check_two(launch(TOGETHER + code))


def test_a_thread_of_an_async_call_is_of_it(launch: Launch) -> None:
    code = """
import asyncio, threading
here, all_here = [], None

async def f(name):
    global all_here
    all_here = all_here or asyncio.Event()
    here.append(name)
    if len(here) == 2:
        all_here.set()
    await all_here.wait()
    thread = threading.Thread(target=print, args=(name,))
    thread.start()
    await asyncio.get_running_loop().run_in_executor(None, thread.join)
"""
    check_two(launch(code))


@pytest.mark.parametrize("imported", ["by the module", "by the call"])
def test_work_of_a_shared_pool_is_of_the_call_that_submits_it(
    launch: Launch, imported: str
) -> None:
    code = """
pool = None
%s

def f(name):
    from concurrent.futures import ThreadPoolExecutor
    global pool
    pool = pool or ThreadPoolExecutor(1)
    for future in [pool.submit(print, name, again) for again in range(2)]:
        future.result(30)
    list(pool.map(print, [name]))
""" % (
        "import concurrent.futures.thread" if imported == "by the module" else ""
    )
    worker = launch(code)
    worker.start("f", max_inputs=2)
    for name in "ab":  # one after the other: both have the pool's only thread
        worker.call(name, id="fc-" + name)
        texts = ("%s 0\n" % name, "%s 1\n" % name, "%s\n" % name)
        assert printed(worker, 1) == {("fc-" + name, text): 1 for text in texts}
    assert worker.end() == 0
    assert worker.output() == ("", "")


def test_a_callback_of_a_pool_prints_for_the_call_whose_work_has_ended(launch: Launch) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
import threading
pool = ThreadPoolExecutor(1)
def f(name):
    told, added = threading.Event(), threading.Event()
    def tell(future):
        print(future.result())
        told.set()
    def work():
        added.wait(30)
        return name
    pool.submit(work).add_done_callback(tell)
    added.set()
    told.wait(30)
"""
    worker = launch(code)
    worker.start("f", max_inputs=2)
    for name in "ab":
        worker.call(name, id="fc-" + name)
        assert printed(worker, 1) == {("fc-" + name, name + "\n"): 1}


def test_an_exception_in_a_thread_is_told_to_its_call_without_the_runners_frames(
    launch: Launch,
) -> None:
    code = """
import sys, threading
def fail():
    raise ValueError("in vain")
def f():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
"""
    worker = launch(code)
    worker.start("f", max_inputs=2)
    worker.call(id="fc-1")
    found = printed(worker, 1)
    text = "".join(text for _, text in found)
    assert {call_id for call_id, _ in found} == {"fc-1"}
    assert "in fail\n" in text and "ValueError: in vain\n" in text
    assert "call_threads" not in text


def test_a_threads_own_context_variables_stay_its_own(launch: Launch) -> None:
    code = """
import contextvars, threading
variable = contextvars.ContextVar("variable", default="empty")
def f():
    variable.set("of the call")
    thread = threading.Thread(target=lambda: print(variable.get()))
    thread.start()
    thread.join()
"""
    worker = launch(code)
    worker.start("f", max_inputs=2)
    worker.call(id="fc-1")
    assert printed(worker, 1) == {("fc-1", "empty\n"): 1}


def test_work_of_a_pool_has_keywords_of_any_name(launch: Launch) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
def f(name):
    def work(**names):
        print(name, *sorted(names))
    ThreadPoolExecutor(1).submit(work, pool=1, work=2, submit=3, self=4).result(30)
"""
    worker = launch(code)
    worker.start("f", max_inputs=2)
    worker.call("a", id="fc-a")
    assert printed(worker, 1) == {("fc-a", "a pool self submit work\n"): 1}
