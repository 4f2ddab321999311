"""Calls awaited in an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, AsyncIterator, Dict, Iterator, List

import pytest
from small_burrowd import SmallBurrowd

import burrow
from burrow._client import async_bridge
from burrow._threads import Threads

app = burrow.App("aio")


@app.function()
def double(x: Any) -> Any:
    if x == "bad":
        raise KeyError(x)
    return 2 * x


@app.function()
def count(n: int) -> Iterator[int]:
    yield from range(n)


@pytest.fixture
def running(burrowd: SmallBurrowd) -> Iterator[SmallBurrowd]:
    with app.run():
        yield burrowd


def test_each_call_has_its_form_for_event_loops(running: SmallBurrowd) -> None:
    async def work() -> None:
        assert await double.remote.aio(2) == 4
        assert [item async for item in count.remote_gen.aio(3)] == [0, 1, 2]
        assert [item async for item in double.map.aio([1, 2])] == [2, 4]
        assert [item async for item in double.starmap.aio([(3,)])] == [6]
        await double.for_each.aio([1])
        call = await double.spawn.aio(5)
        assert await call.get.aio(timeout=10) == 10
        assert await burrow.FunctionCall.gather.aio(call, call) == [10, 10]
        calls = await double.spawn_map.aio(range(3))
        assert [item async for item in calls.iter.aio()] == [0, 2, 4]
        assert await calls.get.aio(index=2) == 4
        await call.cancel.aio()
        with pytest.raises(KeyError):
            await double.remote.aio("bad")

    asyncio.run(work())


def test_an_app_runs_in_an_async_context(burrowd: SmallBurrowd) -> None:
    async def work() -> Any:
        async with app.run():
            return await double.remote.aio(3)

    assert asyncio.run(work()) == 6
    assert burrowd.stopped and app._session is None


def test_many_calls_run_at_once(running: SmallBurrowd) -> None:
    barrier = threading.Barrier(20)
    invoke = running.methods["Calls/Invoke"]

    def together(request: Dict[str, Any]) -> Any:
        barrier.wait(20)
        return invoke(request)

    running.methods["Calls/Invoke"] = together

    async def work() -> List[Any]:
        return await asyncio.gather(*[double.remote.aio(n) for n in range(20)])

    assert asyncio.run(work()) == [2 * n for n in range(20)]


def test_async_iterables_are_read_while_outputs_come(running: SmallBurrowd) -> None:
    async def work() -> None:
        seen = asyncio.Event()

        async def inputs() -> AsyncIterator[int]:
            yield 1
            await asyncio.wait_for(seen.wait(), 10)
            yield 2

        outputs = double.map.aio(inputs())  # type: ignore[arg-type]
        assert await outputs.__anext__() == 2
        seen.set()
        assert [item async for item in outputs] == [4]

    asyncio.run(work())


def test_cancelling_the_task_cancels_the_call(running: SmallBurrowd) -> None:
    begun, cancelled = threading.Event(), threading.Event()
    invoke, cancel = running.methods["Calls/Invoke"], running.methods["Calls/Cancel"]

    def slow(request: Dict[str, Any]) -> Any:
        begun.set()
        cancelled.wait(20)
        return invoke(request)

    def note(request: Dict[str, Any]) -> Any:
        cancelled.set()
        return cancel(request)

    running.methods.update({"Calls/Invoke": slow, "Calls/Cancel": note})

    async def work() -> None:
        task = asyncio.ensure_future(double.remote.aio(1))
        while not begun.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert cancelled.wait(10)
    call_id = running.called("Calls/Invoke")[0]["input"]["callId"]
    assert {"callId": call_id} in running.cancelled


def test_leaving_an_async_iteration_early_cancels(running: SmallBurrowd) -> None:
    async def work() -> None:
        items = count.remote_gen.aio(5)
        assert await items.__anext__() == 0
        await items.aclose()  # type: ignore[attr-defined]

    asyncio.run(work())
    assert [list(request) for request in running.cancelled] == [["callId"]]


def test_an_abandoned_get_lets_its_call_go_on(running: SmallBurrowd) -> None:
    waits = threading.Event()

    def pending(request: Dict[str, Any]) -> Dict[str, Any]:
        waits.set()
        return {}

    running.methods["Calls/Wait"] = pending

    async def work() -> None:
        call = await double.spawn.aio(1)
        task = asyncio.ensure_future(call.get.aio())
        while not waits.is_set():
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert running.cancelled == []


def test_a_failed_call_ends_a_gathering_at_once(running: SmallBurrowd) -> None:
    good, bad = double.spawn(1), double.spawn("bad")
    wait = running.methods["Calls/Wait"]
    running.methods["Calls/Wait"] = lambda request: (
        {} if request["callId"] == good.object_id else wait(request)
    )
    with pytest.raises(KeyError):
        burrow.FunctionCall.gather(good, bad)
    assert burrow.FunctionCall.gather() == []


def test_no_more_threads_are_made_than_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_bridge, "_threads", Threads("few", most=3))
    names = set()

    def note() -> None:
        names.add(threading.get_ident())

    async def work() -> None:
        await asyncio.gather(*[async_bridge.call(note, (), {}) for _ in range(50)])

    asyncio.run(work())
    assert 1 <= len(names) <= 3
