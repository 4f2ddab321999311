"""Functions in containers call other functions, and reach nothing else by the way that this takes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Callable

import pytest

from daemon import Daemon, Run

WriteApp = Callable[..., str]

ARITHMETIC = """
@app.function()
def double(x):
    return 2 * x

@app.function()
def count(n):
    yield from range(n)

@app.function()
def fails(x):
    raise ValueError("no %d" % x)
"""


def test_a_function_calls_others_in_every_way(run: Run) -> None:
    ended = run(
        ARITHMETIC
        + """
@app.function()
def ask():
    import asyncio

    yield double.remote(21)
    yield list(double.map(range(50))) == [2 * x for x in range(50)]
    calls = [double.spawn(x) for x in (1, 2)]
    yield [call.get() for call in calls]
    yield burrow.FunctionCall.from_id(calls[0].object_id).get()
    yield list(count.remote_gen(4))
    yield list(double.spawn_map([5, 6]).iter())

    async def awaited():
        return await asyncio.gather(*[double.remote.aio(x) for x in range(3)])

    yield asyncio.run(awaited())
    try:
        fails.remote(3)
    except ValueError as error:
        yield str(error)
    yield [type(x).__name__ for x in fails.map([1], return_exceptions=True)]
""",
        "for line in ask.remote_gen(): print(line)",
    )
    assert ended.stdout.splitlines() == [
        "42",
        "True",
        "[2, 4]",
        "2",
        "[0, 1, 2, 3]",
        "[10, 12]",
        "[0, 2, 4]",
        "no 3",
        "['ValueError']",
    ], ended.stderr


def test_a_call_goes_through_containers_without_network(run: Run) -> None:
    ended = run(
        """
        @app.function(block_network=True)
        def depth(n):
            return 0 if n == 0 else 1 + depth.remote(n - 1)
        """,
        "print(depth.remote(3))",
    )
    assert ended.stdout == "3\n", ended.stderr


def test_methods_call_methods_and_functions_call_both(run: Run) -> None:
    ended = run(
        """
        @app.cls()
        class Scaled:
            factor: int = burrow.parameter(default=1)

            @burrow.method()
            def times(self, x):
                return self.factor * x

            @burrow.method()
            def all(self, xs):
                return list(self.times.map(xs)) + [self.times(100), self.times.local(1)]

        @app.function()
        def ask():
            return Scaled(factor=3).times.remote(2), Scaled(factor=5).all.remote([1, 2]), Scaled().times.remote(7)
        """,
        "print(ask.remote())",
    )
    assert ended.stdout == "(6, [5, 10, 500, 5], 7)\n", ended.stderr


def test_large_arguments_and_values_go_through(run: Run) -> None:
    ended = run(
        """
        @app.function()
        def grow(data):
            return data + b"y" * (3 << 20)

        @app.function()
        def ask():
            grown = grow.remote(b"x" * (2 << 20))
            return len(grown), grown[:1], grown[-1:]
        """,
        "print(ask.remote())",
    )
    assert ended.stdout == "(%d, b'x', b'y')\n" % (5 << 20), ended.stderr


def test_many_calls_at_once_from_one_container(run: Run) -> None:
    ended = run(
        """
        @app.function()
        @burrow.concurrent(max_inputs=40)
        def slow_double(x):
            return 2 * x

        @app.function()
        @burrow.concurrent(max_inputs=40)
        def ask(x):
            return slow_double.remote(x) + 1
        """,
        "print(sorted(ask.map(range(100))) == [2 * x + 1 for x in range(100)])",
    )
    assert ended.stdout == "True\n", ended.stderr


def test_a_function_of_a_deployed_app_is_found_by_name(
    daemon: Daemon, write_app: WriteApp, run: Run
) -> None:
    daemon.burrow("app", "stop", "found-inside")  # of an earlier run on the same state
    deployed = write_app(ARITHMETIC, name="found-inside")
    assert daemon.burrow("deploy", deployed).returncode == 0
    ended = run(
        """
        @app.function()
        def ask():
            found = burrow.Function.from_name("found-inside", "double")
            try:
                burrow.Function.from_name("found-inside", "dubble").remote(1)
            except burrow.exception.NotFoundError as error:
                return found.remote(4), "double" in str(error)
        """,
        "print(ask.remote())",
    )
    assert ended.stdout == "(8, True)\n", ended.stderr
    assert daemon.burrow("app", "stop", "found-inside").returncode == 0


def test_a_deployed_function_calls_its_own_app(daemon: Daemon, write_app: WriteApp) -> None:
    daemon.burrow("app", "stop", "calls-itself")
    code = ARITHMETIC + "\n@app.function()\ndef ask(x: int):\n    return double.remote(x)\n"
    assert daemon.burrow("deploy", write_app(code, name="calls-itself")).returncode == 0
    called = daemon.burrow("call", "calls-itself", "ask", "8")
    assert called.stdout == "16\n", called.stderr
    assert daemon.burrow("app", "stop", "calls-itself").returncode == 0


RAW = """
import http.client, json, os, socket

class Door(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(os.environ["BURROW_API_SOCKET"])

def ask(method, path, body=None, headers={}):
    door = Door("burrow", timeout=20)
    door.request(method, path, body, {"Content-Type": "application/json", **headers})
    answer = door.getresponse()
    text = answer.read().decode("utf-8", "replace")
    try:
        return [answer.status, json.loads(text).get("code")]
    except ValueError:
        return [answer.status, text]

@app.function(block_network=True)
def try_all():
    own = os.environ["BURROW_APP_ID"]
    forged = {"Authorization": "Bearer x", "Burrow-Container": "ct-other"}
    return {
        "find": ask("POST", "/burrow.v1.Deployments/FindFunction", json.dumps({"app": own, "function": "try_all"}))[0],
        "forged": ask("POST", "/burrow.v1.Deployments/FindFunction", json.dumps({"app": own, "function": "try_all"}), forged)[0],
        "stop": ask("POST", "/burrow.v1.Apps/Stop", json.dumps({"app": own})),
        "secrets": ask("POST", "/burrow.v1.Secrets/List", "{}"),
        "images": ask("POST", "/burrow.v1.Images/List", "{}"),
        "apps": ask("POST", "/burrow.v1.Apps/List", "{}"),
        "packs": ask("PUT", "/blobs/pack", "x"),
        "link": ask("GET", "/link", None, {"Connection": "Upgrade", "Upgrade": "websocket"}),
        "health": ask("GET", "/health"),
    }

@app.function()
def environment():
    return dict(os.environ)
"""


def test_the_socket_is_for_calls_and_nothing_else(run: Run) -> None:
    ended = run(RAW, "import json; print(json.dumps(try_all.remote()))")
    assert ended.returncode == 0, ended.stderr
    answers = json.loads(ended.stdout)
    assert (answers.pop("find"), answers.pop("forged")) == (200, 200)
    assert {
        name: answer for name, answer in answers.items() if answer != [403, "permission_denied"]
    } == {}


def test_a_container_knows_no_token(daemon: Daemon, run: Run) -> None:
    ended = run(RAW, "import json; print(json.dumps(environment.remote()))")
    environment = json.loads(ended.stdout)
    assert environment["BURROW_API_SOCKET"] == "/burrow/api.sock"
    secrets = [json.loads(daemon.config.read_text())["token"]]
    secrets += json.loads((daemon.state / "control" / "tokens").read_text()).values()
    assert not [name for name, value in environment.items() if any(s in value for s in secrets)]
    assert "BURROW_TOKEN" not in environment and "BURROW_URL" not in environment


def test_spawned_calls_outlive_the_function_that_made_them(run: Run) -> None:
    ended = run(
        """
        import time

        @app.function()
        def slow(x):
            time.sleep(1)
            return x

        @app.function()
        def start():
            return slow.spawn(5)
        """,
        "print(start.remote().get(timeout=60))",
    )
    assert ended.stdout == "5\n", ended.stderr


@pytest.mark.parametrize("victim", ["control", "worker"])
def test_a_call_under_way_survives_a_killed_process(
    own_daemon: Daemon, write_app: WriteApp, tmp_path: Path, victim: str
) -> None:
    own_daemon.start()
    assert own_daemon.process is not None
    code = """
    import time

    @app.function(timeout=120)
    def slow(x):
        print("the inner one runs", flush=True)
        time.sleep(5)
        return x + 1

    @app.function(timeout=120)
    def ask(x):
        return slow.remote(x) + 1
    """
    path = write_app(code, main="print('result', ask.spawn(1).get())")
    running = own_daemon.popen("run", path, cwd=tmp_path)
    try:
        assert running.stdout is not None
        assert "the inner one runs" in running.stdout.readline()
        children = subprocess.check_output(
            ["pgrep", "-P", str(own_daemon.process.pid), "-f", "burrowd " + victim], timeout=10
        )
        os.kill(int(children), signal.SIGKILL)
        out, err = running.communicate(timeout=100)
    finally:
        running.kill()
        running.wait()
    assert "result 3" in out.splitlines(), out + err + own_daemon.tail()
