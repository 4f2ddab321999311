"""One instance of a class serves its methods."""

from __future__ import annotations

import pickle
from typing import Any, Dict

import pytest

from runner_worker import Launch, Worker

MODEL = """
import burrow
app = burrow.App("a")

@app.cls()
class Model:
    size: int = burrow.parameter(default=3)
    key: bytes = burrow.parameter(default=b"")

    def __init__(self):
        self.calls = ["init"]

    @burrow.enter()
    def second(self):
        self.calls.append("enter %d" % self.size)

    @burrow.enter(snap=True)
    async def first(self):
        self.calls.append("snap")

    @burrow.method()
    def add(self, x):
        self.calls.append(x)
        return self.calls, self.key

    @burrow.method()
    async def double(self, x):
        return 2 * x

    @burrow.method()
    def count(self, n):
        yield from range(n)

    @burrow.method()
    def through(self, x):
        return self.add.local(x), self.add(x)

    @burrow.method()
    def far(self):
        return self.add.remote(1)

    @burrow.exit()
    def bye(self):
        print("bye", len(self.calls))
        raise ValueError("at the end")

    @burrow.exit()
    async def bye_again(self):
        print("again")
"""


def start(worker: Worker, qualname: str = "Model", **more: Any) -> Dict[str, Any]:
    return worker.start(qualname, **{"class": True}, **more)


def call(worker: Worker, method: str, *args: Any, id: str = "fc-1") -> None:
    header = {"t": "call", "id": id, "attempt": 1, "method": method}
    worker.send(header, pickle.dumps((args, {})))


def value(worker: Worker, method: str, *args: Any) -> Any:
    call(worker, method, *args)
    return pickle.loads(worker.expect("result")[1])


def test_hooks_run_once_and_the_state_stays(launch: Launch) -> None:
    worker = launch(MODEL)
    parameters = [{"name": "size", "value": 7}, {"name": "key", "data": "0001"}]
    assert start(worker, parameters=parameters)["t"] == "ready"
    assert value(worker, "add", 1) == (["init", "snap", "enter 7", 1], b"\0\1")
    assert value(worker, "double", 4) == 8
    assert value(worker, "add", 2)[0] == ["init", "snap", "enter 7", 1, 2]
    assert len(value(worker, "through", 3)) == 2
    assert worker.end() == 0
    out, err = worker.output()
    assert out == "bye 7\nModel.bye(), which ends the container, raised:\nagain\n"
    assert "ValueError: at the end" in err


def test_a_method_may_yield(launch: Launch) -> None:
    worker = launch(MODEL)
    start(worker)
    call(worker, "count", 2)
    assert [pickle.loads(worker.expect("item")[1]) for _ in range(2)] == [0, 1]
    worker.expect("result")


def test_calls_from_an_instance_are_refused_in_words_where_nothing_can_be_called(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BURROW_CONTAINER_ID", "ct-1")
    monkeypatch.delenv("BURROW_API_SOCKET", raising=False)
    worker = launch(MODEL)
    start(worker)
    call(worker, "far")
    assert "use .local() there" in worker.expect("error")[0]["error"]["message"]


def test_an_enter_hook_that_raises_fails_the_start_with_its_frames(launch: Launch) -> None:
    worker = launch(
        """
        import burrow
        app = burrow.App("a")

        @app.cls()
        class Broken:
            @burrow.enter()
            def load(self):
                raise OSError("no model")

            @burrow.method()
            def f(self): pass

            @burrow.exit()
            def bye(self): print("never")
        """
    )
    failed = start(worker, "Broken")
    assert failed["t"] == "failed"
    assert failed["error"]["message"].startswith(
        "Broken.load(), which is run before the first call"
    )
    assert "raised OSError: no model" in failed["error"]["message"]
    assert [frame["function"] for frame in failed["error"]["frames"]] == ["load"]
    assert worker.status() == 1
    assert worker.output()[0] == ""


def test_exit_hooks_run_when_a_call_is_interrupted(launch: Launch) -> None:
    worker = launch(
        """
        import burrow, time
        app = burrow.App("a")

        @app.cls()
        class Sleeper:
            @burrow.method()
            def nap(self):
                print("begun", flush=True)
                time.sleep(60)

            @burrow.exit()
            def bye(self): print("bye")
        """
    )
    start(worker, "Sleeper")
    call(worker, "nap")
    assert worker.read_line() == "begun\n"
    worker.process.terminate()
    assert worker.status() == 143
    assert worker.output()[0] == "bye\n"


def test_a_call_knows_its_id(launch: Launch) -> None:
    worker = launch("import burrow\ndef f(): return burrow.current_call_id(), burrow.is_local()")
    worker.start("f")
    worker.call(id="fc-9")
    assert pickle.loads(worker.expect("result")[1]) == ("fc-9", True)
