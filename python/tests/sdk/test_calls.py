from __future__ import annotations

import itertools
import threading
from typing import Any, Dict, Iterator, List

import pytest
from fake_server import ConnectFailure, DropConnection
from small_burrowd import SmallBurrowd

import burrow
import burrow._client.map_call as map_call
from burrow._client import payload
from burrow.exception import (
    DeserializationError,
    ImageBuildError,
    InvalidError,
    NotFoundError,
    OutputExpiredError,
    RequestSizeError,
    SerializationError,
)

app = burrow.App("calls")


@app.function()
def add(x: Any, y: Any = 0) -> Any:
    return x + y


@app.function()
def fail_at(x: int, bad: int) -> int:
    if x == bad:
        raise KeyError(x)
    return x


@app.function()
def count(n: int) -> Iterator[int]:
    yield from range(n)


@app.function(is_generator=True)
def hidden(n: int) -> Any:
    return count.local(n)  # the code does not tell


@pytest.fixture
def running(burrowd: SmallBurrowd) -> Iterator[SmallBurrowd]:
    with app.run():
        yield burrowd


def test_whether_a_function_yields_may_be_said(running: SmallBurrowd) -> None:
    assert hidden.is_generator and list(hidden.remote_gen(3)) == [0, 1, 2]
    with pytest.raises(InvalidError, match="call it by hidden.remote_gen"):
        hidden.remote(3)
    specs = {one["name"]: one for one in running.called("Apps/Publish")[0]["functions"]}
    assert [specs[name].get("isGenerator", False) for name in ("hidden", "count", "add")] == [
        True,
        True,
        False,
    ]


def test_a_value_comes_back(running: SmallBurrowd) -> None:
    assert add.remote(1, y=2) == 3
    assert add.remote([1], [2]) == [1, 2]


def test_large_values_travel_as_blobs(running: SmallBurrowd) -> None:
    text = "x" * 2_000_000
    assert add.remote(text, "y") == text + "y"
    assert "digest" in running.called("Calls/Invoke")[0]["input"]["arguments"]


def test_an_exception_comes_back_with_remote_frames(running: SmallBurrowd) -> None:
    with pytest.raises(KeyError) as raised:
        fail_at.remote(3, 3)
    names = [entry.name for entry in raised.traceback]
    assert names[-1] == "fail_at"
    own = [entry for entry in raised.traceback if "/burrow/" in str(entry.path)]
    assert len(own) <= 1, "internals show in the traceback"


def test_what_does_not_pickle_names_the_argument(running: SmallBurrowd) -> None:
    with pytest.raises(SerializationError, match=r"^argument 2 of add\(\), a _thread.lock, cannot"):
        add.remote(1, threading.Lock())
    with pytest.raises(SerializationError, match=r"^argument y of add\(\), a dict, cannot"):
        add.remote(1, y={"lock": threading.Lock()})
    with pytest.raises(SerializationError, match=r"of add\(\)"):
        list(add.map([threading.Lock()]))


def test_a_pending_call_is_waited_for(running: SmallBurrowd) -> None:
    invoke, pending = running.methods["Calls/Invoke"], iter([1, 1])

    def slow(request: Dict[str, Any]) -> Dict[str, Any]:
        running.results[request["input"]["callId"]] = invoke(request)
        return {"callId": request["input"]["callId"]}

    def wait(request: Dict[str, Any]) -> Dict[str, Any]:
        return {} if next(pending, None) else running.wait(request)

    running.methods.update({"Calls/Invoke": slow, "Calls/Wait": wait})
    assert add.remote(2, 3) == 5
    assert len(running.called("Calls/Wait")) == 3


def test_a_call_that_a_restarted_server_forgot_is_invoked_again(running: SmallBurrowd) -> None:
    invoke, pending = running.methods["Calls/Invoke"], iter([1])
    running.methods["Calls/Invoke"] = lambda r: {} if next(pending, None) else invoke(r)
    assert add.remote(2, 3) == 5
    first, second = running.called("Calls/Invoke")
    assert first == second


def test_a_map_keeps_the_order_of_its_inputs(running: SmallBurrowd) -> None:
    assert list(add.map(range(1000), range(1000))) == [2 * n for n in range(1000)]
    assert sorted(add.map(range(50), order_outputs=False)) == list(range(50))
    assert list(add.starmap([(1, 2), (3, 4)])) == [3, 7]
    assert list(add.map([1, 2], kwargs={"y": 10})) == [11, 12]
    assert list(add.map([])) == []
    add.for_each([1, 2])


def test_a_map_sends_batches_and_closes_its_group(running: SmallBurrowd) -> None:
    list(add.map(range(1000)))
    requests = running.called("Calls/Submit")
    assert all(len(request["inputs"]) <= map_call.BATCH_INPUTS for request in requests)
    assert len(requests) < 100
    assert [request["closeGroup"] for request in requests][-1]
    assert not any(request["closeGroup"] for request in requests[:-1])
    indices = [call.get("index", 0) for request in requests for call in request["inputs"]]
    assert indices == list(range(1000))


def test_a_failing_input_ends_the_map_and_cancels_the_rest(running: SmallBurrowd) -> None:
    results = fail_at.map(itertools.count(), kwargs={"bad": 3})
    found: List[int] = []
    with pytest.raises(KeyError):
        for value in results:
            found.append(value)
    assert found == [0, 1, 2]
    assert [list(request) for request in running.cancelled] == [["groupId"]]


def test_exceptions_can_be_returned_instead(running: SmallBurrowd) -> None:
    found = list(fail_at.map(range(3), kwargs={"bad": 1}, return_exceptions=True))
    assert found[0] == 0 and found[2] == 2 and isinstance(found[1], KeyError)


def test_an_endless_input_is_read_within_bounds(
    running: SmallBurrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(map_call, "MAX_OUTSTANDING", 100)
    read: List[int] = []

    def inputs() -> Iterator[int]:
        for number in itertools.count():
            read.append(number)
            yield number

    results = add.map(inputs())
    assert [next(results) for _ in range(10)] == list(range(10))
    results.close()  # type: ignore[attr-defined]
    # Outputs that the client has buffered count as taken: one batch more at most.
    assert len(read) <= 3 * 100 + 2 * map_call.BATCH_INPUTS
    assert running.cancelled


def test_the_first_output_does_not_wait_for_the_last_input(running: SmallBurrowd) -> None:
    seen = threading.Event()

    def inputs() -> Iterator[int]:
        yield 1
        assert seen.wait(10), "the first output never came"
        yield 2

    results = add.map(inputs())
    assert next(results) == 1
    seen.set()
    assert list(results) == [2]


def test_an_iterable_that_raises_ends_the_map(running: SmallBurrowd) -> None:
    def inputs() -> Iterator[int]:
        yield 1
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        list(add.map(inputs()))


def test_an_iterable_that_raises_while_outputs_are_awaited_ends_the_map_at_once(
    running: SmallBurrowd,
) -> None:
    awaited = threading.Event()
    outputs = running.outputs

    def note(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        yield {}
        awaited.set()
        yield from outputs(request)

    def inputs() -> Iterator[int]:
        yield 1
        assert awaited.wait(10)
        raise OSError("disk")

    running.methods["Calls/Outputs"] = note
    with pytest.raises(OSError, match="disk"):
        list(add.map(inputs()))
    assert len(running.called("Calls/Outputs")) == 1


def test_a_map_survives_lost_connections(running: SmallBurrowd) -> None:
    outputs, submit, losses = running.outputs, running.submit, itertools.count()

    def fragile_outputs(request: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        for response in outputs(request):
            yield response
            if next(losses) < 5:
                raise DropConnection()

    drops = iter([True, False, True])

    def fragile_submit(request: Dict[str, Any]) -> Dict[str, Any]:
        if next(drops, False):
            raise DropConnection()
        return submit(request)

    running.methods.update({"Calls/Outputs": fragile_outputs, "Calls/Submit": fragile_submit})
    assert list(add.map(range(500))) == list(range(500))


def test_a_full_queue_is_waited_for(running: SmallBurrowd) -> None:
    submit, full = running.submit, iter([True, True])

    def bounded(request: Dict[str, Any]) -> Dict[str, Any]:
        if next(full, False):
            raise ConnectFailure("resource_exhausted", "The queue is full.", 429)
        return submit(request)

    running.methods["Calls/Submit"] = bounded
    assert list(add.map(range(5))) == list(range(5))


def test_a_generator_streams_and_its_error_comes_last(running: SmallBurrowd) -> None:
    assert list(count.remote_gen(4)) == [0, 1, 2, 3]
    items = count.remote_gen(3)
    assert next(items) == 0
    items.close()  # type: ignore[attr-defined]
    assert [list(request) for request in running.cancelled] == [["callId"]]
    with pytest.raises(TypeError):
        list(count.remote_gen("x"))  # type: ignore[arg-type]


def test_items_of_a_second_attempt_are_not_repeated(running: SmallBurrowd) -> None:
    run = running.run

    def twice(function_id: str, call: Dict[str, Any]) -> Iterator[Dict[str, Any]]:
        outputs = list(run(function_id, call))
        yield from outputs[:2]
        yield from outputs

    running.run = twice  # type: ignore
    assert list(count.remote_gen(4)) == [0, 1, 2, 3]


def test_a_spawned_call_is_found_by_its_id(running: SmallBurrowd) -> None:
    call = add.spawn(1, 2)
    assert call.object_id.startswith("fc-") and len(call.object_id) == 29
    assert call.get() == 3
    again = burrow.FunctionCall.from_id(call.object_id)
    assert again.get(timeout=5) == 3
    again.cancel()
    assert running.cancelled == [{"callId": call.object_id}]
    with pytest.raises(OutputExpiredError):
        burrow.FunctionCall.from_id("fc-unknown").get()


def test_whoever_polls_tells_a_call_that_runs_from_one_that_is_forgotten(
    running: SmallBurrowd,
) -> None:
    def poll(call: burrow.FunctionCall) -> str:
        try:
            return "ended with %s" % call.get(timeout=0)
        except burrow.exception.OutputExpiredError as error:
            return str(error)
        except TimeoutError:
            return "runs"

    def forgotten(request: Dict[str, Any]) -> Dict[str, Any]:
        raise ConnectFailure("not_found", "there is no call", 404)

    call, wait = add.spawn(1, 2), running.methods["Calls/Wait"]
    running.methods["Calls/Wait"] = lambda request: {}
    assert poll(call) == "runs"
    running.methods["Calls/Wait"] = wait
    assert poll(call) == "ended with 3"
    running.methods.update({"Calls/Wait": forgotten, "Calls/Outputs": forgotten})
    assert poll(call) == poll(burrow.FunctionCall.from_id("fg-unknown")) == "there is no call"
    with pytest.raises(NotFoundError):
        list(call.iter())


def test_a_call_of_a_group_can_be_polled(running: SmallBurrowd) -> None:
    calls = add.spawn_map([1, 2, 3])
    assert [calls.get(timeout=0, index=index) for index in range(3)] == [1, 2, 3]


def test_arguments_that_are_too_large_are_said_before_they_travel(
    running: SmallBurrowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "MAX_PAYLOAD", 3 << 20)
    uploads = len(running.uploads)
    for call in (add.remote, add.spawn, lambda big: list(add.map([big]))):
        with pytest.raises(RequestSizeError, match=r"arguments of add\(\) pickle to 4 MiB"):
            call(b"x" * (4 << 20))
    assert len(running.uploads) == uploads


def test_a_value_that_cannot_be_read_here_is_a_deserialization_error(
    running: SmallBurrowd,
) -> None:
    running.payload = lambda value: {"inline": "Z2FyYmFnZQ=="}  # type: ignore[method-assign]
    with pytest.raises(DeserializationError, match="cannot be read back"):
        add.remote(1)


def test_get_gives_up_after_its_timeout(running: SmallBurrowd) -> None:
    running.methods["Calls/Wait"] = lambda request: {}
    with pytest.raises(TimeoutError, match="has not ended after 0.05 s"):
        add.spawn(1).get(timeout=0.05)


def test_a_nested_run_joins_the_outer_one(running: SmallBurrowd) -> None:
    with app.run() as session:
        assert add.remote(1) == 1 and session.app_id == "ap-1"
    assert add.remote(1) == 1
    assert len(running.called("Apps/Create")) == 1 and not running.stopped


def test_unchanged_source_does_not_travel_again(burrowd: SmallBurrowd) -> None:
    for _ in range(2):
        with app.run():
            pass
    assert burrowd.uploads and len(burrowd.uploads) == len(set(burrowd.uploads))


def test_the_last_words_are_shown_before_run_returns(
    burrowd: SmallBurrowd, capsys: pytest.CaptureFixture[str]
) -> None:
    with app.run():
        burrowd.say("to stderr", stream="LOG_STREAM_STDERR")
        burrowd.say("no newline", partial=True, containerId="a")
        burrowd.say(" yet", containerId="a")
    captured = capsys.readouterr()
    assert captured.out == "no newline yet\nlast words\n"
    assert captured.err == "to stderr\n"


def test_a_failed_build_stops_the_app(burrowd: SmallBurrowd) -> None:
    burrowd.build_error = "Step 2 failed: E: Unable to locate package nosuch"
    with pytest.raises(ImageBuildError, match="Unable to locate(.|\n)*burrow image logs bd-1"):
        with app.run():
            pass
    assert burrowd.stopped == [{"app": "ap-1", "reason": "the client failed"}]
    assert app._session is None


def test_local_functions_must_be_serialized(burrowd: SmallBurrowd) -> None:
    local = burrow.App("local")
    local.function(name="f")(lambda x: x)
    with pytest.raises(burrow.Error, match="serialized=True"):
        with local.run():
            pass
    by_value = burrow.App("value")
    offset = 5
    function = by_value.function(name="f", serialized=True)(lambda x: x + offset)
    with by_value.run():
        assert function.remote(1) == 6
