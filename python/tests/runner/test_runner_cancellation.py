"""A cancelled call ends as cancelled, whatever the function does about it."""

from __future__ import annotations

import select
import signal
import threading

import pytest

from runner_worker import Launch, Worker


def wait_for_start(worker: Worker) -> None:
    assert worker.read_line() == "started\n"


def expect_cancelled(worker: Worker, words: str = "the call was cancelled") -> None:
    header, _ = worker.expect("error")
    assert header["cancelled"] is True
    assert header["error"]["type"] == "CancelledError"
    assert header["error"]["message"] == words


SLEEPER = """
    import time
    from burrow.exception import InputCancellation
    def f(seconds):
        try:
            print("started")
            time.sleep(seconds)
        except InputCancellation as error:
            print("noticed:", error)
            raise
        return "slept"
"""


def test_a_sleeping_function_is_interrupted(launch: Launch) -> None:
    worker = launch(SLEEPER)
    worker.start("f")
    worker.call(60)
    wait_for_start(worker)
    worker.cancel()
    expect_cancelled(worker)
    assert worker.read_line() == "noticed: the call was cancelled\n"
    assert worker.value(0) == "slept"


def test_the_reason_reaches_the_function(launch: Launch) -> None:
    worker = launch(SLEEPER)
    worker.start("f")
    worker.call(60)
    wait_for_start(worker)
    worker.cancel(reason="timeout")
    expect_cancelled(worker, "the call ran longer than its timeout")
    assert worker.read_line() == "noticed: the call ran longer than its timeout\n"


@pytest.mark.parametrize("after", ["return 5", "raise ValueError(1)", "raise SystemExit(4)"])
def test_a_function_that_swallows_the_cancel_still_counts_as_cancelled(
    launch: Launch, after: str
) -> None:
    worker = launch(
        f"""
        import time
        def f():
            try:
                print("started")
                time.sleep(60)
            except BaseException:
                {after}
        """
    )
    worker.start("f")
    worker.call()
    wait_for_start(worker)
    worker.cancel()
    expect_cancelled(worker)
    assert worker.end() == 0


def test_a_busy_function_is_interrupted(launch: Launch) -> None:
    worker = launch("def f():\n    print('started')\n    while True: pass")
    worker.start("f")
    worker.call()
    wait_for_start(worker)
    worker.cancel()
    expect_cancelled(worker)


def test_an_async_functions_task_is_cancelled(launch: Launch) -> None:
    worker = launch(
        """
        import asyncio
        async def f(seconds):
            try:
                print("started")
                await asyncio.sleep(seconds)
            except asyncio.CancelledError:
                print("noticed")
                raise
            return "slept"
        """
    )
    worker.start("f")
    worker.call(60)
    wait_for_start(worker)
    worker.cancel()
    expect_cancelled(worker)
    assert worker.read_line() == "noticed\n"
    assert worker.value(0) == "slept"


@pytest.mark.parametrize("prefix, nap", [("", "time.sleep"), ("async ", "await asyncio.sleep")])
def test_a_generator_is_cancelled_and_closed(launch: Launch, prefix: str, nap: str) -> None:
    worker = launch(
        f"""
        import asyncio, time
        {prefix}def g():
            try:
                yield 1
                print("started")
                {nap}(60)
            finally:
                print("closed")
        """
    )
    worker.start("g", is_generator=True)
    worker.call()
    worker.expect("item")
    wait_for_start(worker)
    worker.cancel()
    expect_cancelled(worker)
    assert worker.read_line() == "closed\n"


def test_a_call_that_has_not_started_is_answered_without_being_run(launch: Launch) -> None:
    worker = launch(
        """
        import time
        def f(name, seconds):
            print("started")
            time.sleep(seconds)
            return name
        """
    )
    worker.start("f")
    worker.call("a", 0.3, id="a")
    worker.call("b", 60, id="b")
    worker.call("c", 0, id="c")
    wait_for_start(worker)
    worker.cancel("b")
    assert worker.expect("result")[0]["id"] == "a"
    header, _ = worker.expect("error")
    assert (header["id"], header["cancelled"], header["run_ms"]) == ("b", True, 0)
    assert worker.expect("result")[0]["id"] == "c"
    worker.end()
    assert worker.output()[0] == "started\n"


def test_a_cancel_behind_a_call_that_fills_the_socket_is_seen(launch: Launch) -> None:
    worker = launch(
        """
        import time
        def f(data, seconds):
            print("started")
            time.sleep(seconds)
        """
    )
    worker.start("f")
    worker.call(b"", 60, id="a")
    wait_for_start(worker)

    def write() -> None:
        worker.call(bytes(20 << 20), 0, id="b")
        worker.send({"t": "cancel", "id": "a", "reason": "cancelled"})

    writer = threading.Thread(target=write)
    writer.start()
    # The runner reads while a call runs only when a signal says that there is a reason to.
    while not select.select([worker.socket], [], [], 0.05)[0]:
        worker.process.send_signal(signal.SIGUSR1)
    writer.join()
    expect_cancelled(worker)
    assert worker.expect("result")[0]["id"] == "b"


def test_cancelling_a_finished_or_unknown_call_changes_nothing(launch: Launch) -> None:
    worker = launch("def f(x): return x")
    worker.start("f")
    assert worker.value(1, id="a") == 1
    worker.cancel("a")
    worker.cancel("never-heard-of")
    assert worker.value(2, id="a", attempt=2) == 2
    assert worker.value(3, id="b") == 3


def test_a_call_that_was_cancelled_can_be_tried_and_cancelled_again(launch: Launch) -> None:
    worker = launch(SLEEPER)
    worker.start("f")
    for attempt in (1, 2):
        worker.call(60, id="a", attempt=attempt)
        wait_for_start(worker)
        worker.cancel("a")
        expect_cancelled(worker)
        assert worker.read_line().startswith("noticed")


def test_a_storm_of_cancels_breaks_no_frame(launch: Launch) -> None:
    worker = launch("def g(n):\n    for i in range(n): yield i")
    worker.start("g", is_generator=True)
    for number in range(200):
        worker.call(10, id=str(number))
        worker.cancel(str(number))
        worker.process.send_signal(signal.SIGUSR1)
    ended = []
    while len(ended) < 200:
        header, _ = worker.receive()
        if header["t"] != "item":
            ended.append(header["id"])
    assert ended == [str(n) for n in range(200)]
    assert worker.end() == 0
