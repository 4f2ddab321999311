"""Deployed apps: called by name, replaced under way, called by schedules, there after a crash."""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import Callable

from daemon import Daemon

WriteApp = Callable[..., str]
VERSIONED = """
import time
VERSION = {version}
@app.function(timeout=120, max_containers=1)
def work(seconds: float = 0):
    print("begun by", VERSION, flush=True)
    time.sleep(seconds)
    return VERSION

@app.function()
def echo(*args, **kwargs):
    return [args, kwargs]
"""


def deploy(daemon: Daemon, write_app: WriteApp, name: str, code: str) -> None:
    done = daemon.burrow("deploy", write_app(code, name=name))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Deployed %s (ap-" % name)


def call(daemon: Daemon, *arguments: str) -> str:
    done = daemon.burrow("call", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def stop(daemon: Daemon, name: str) -> None:
    assert daemon.burrow("app", "stop", name).returncode == 0


def test_a_deployed_function_is_called_from_anywhere_and_replaced_under_way(
    daemon: Daemon, write_app: WriteApp, tmp_path: Path
) -> None:
    daemon.burrow("app", "stop", "versions")  # of an earlier run on the same state
    deploy(daemon, write_app, "versions", VERSIONED.format(version=1))
    assert call(daemon, "versions", "work") == "1\n"
    assert call(daemon, "versions", "echo", "1", "a b", "--some-flag") == (
        '[[1, "a b"], {"some_flag": true}]\n'
    )
    slow = daemon.popen("call", "versions", "work", "--seconds", "8", cwd=tmp_path)
    logs = daemon.popen("logs", "-f", "versions", "--function", "work", cwd=tmp_path)
    try:
        assert logs.stdout is not None
        assert [logs.stdout.readline() for _ in range(2)] == ["begun by 1\n"] * 2
        deploy(daemon, write_app, "versions", VERSIONED.format(version=2))
        assert call(daemon, "versions", "work") == "2\n"
        out, err = slow.communicate(timeout=60)
        assert out == "1\n", err
    finally:
        for process in (slow, logs):
            process.kill()
            process.communicate()
    history = daemon.burrow("app", "history", "versions").stdout.splitlines()
    assert [line.split()[0] for line in history] == ["VERSION", "2", "1"]
    missing = daemon.burrow("call", "versions", "wrok")
    assert missing.returncode == 1 and "did you mean 'work'?" in missing.stderr
    stop(daemon, "versions")


def test_deployed_apps_and_their_spawned_calls_survive_a_crash(
    own_daemon: Daemon, write_app: WriteApp
) -> None:
    own_daemon.start()
    deploy(own_daemon, write_app, "lasting", VERSIONED.format(version=7))
    assert call(own_daemon, "lasting", "work") == "7\n"
    own_daemon.kill()
    own_daemon.start()
    assert call(own_daemon, "lasting", "work") == "7\n"
    stop(own_daemon, "lasting")


def test_a_function_with_a_period_is_called_by_the_server(
    daemon: Daemon, write_app: WriteApp, tmp_path: Path
) -> None:
    code = """
    @app.function(schedule=burrow.Period(seconds=1))
    def tick(): print("tick", flush=True)
    """
    deploy(daemon, write_app, "ticking", code)
    logs = daemon.popen("logs", "-f", "ticking", "--function", "tick", cwd=tmp_path)
    try:
        assert logs.stdout is not None
        assert [logs.stdout.readline() for _ in range(3)] == ["tick\n"] * 3
    finally:
        logs.kill()
        logs.communicate()
    stop(daemon, "ticking")


def test_call_show_draws_where_the_time_of_a_call_went(
    daemon: Daemon, write_app: WriteApp, tmp_path: Path
) -> None:
    deploy(daemon, write_app, "shown", VERSIONED.format(version=1))
    code = "import burrow; f = burrow.Function.from_name('shown', 'work')\n"
    code += "c = f.spawn(0.01); c.get(timeout=60); print(c.object_id)"
    spawned = client(daemon, code)
    shown = daemon.burrow("call", "show", spawned.strip())
    assert shown.returncode == 0, shown.stderr
    for word in ("work() of shown", "success", "cold call", "queue", "import", "run", "#"):
        assert word in shown.stdout
    stop(daemon, "shown")


def test_exec_runs_in_the_container_of_a_function(daemon: Daemon, write_app: WriteApp) -> None:
    code = """
    @app.function(env={"COLOUR": "green"}, secrets=[burrow.Secret.from_dict({"HIDDEN": "hidden"})])
    def leave():
        open("/tmp/left", "w").write("by the function")
    """
    deploy(daemon, write_app, "entered", code)
    call(daemon, "entered", "leave")
    rows = [line.split() for line in daemon.burrow("ps").stdout.splitlines()]
    (container,) = [row[0] for row in rows if row[1:3] == ["entered", "leave"]]
    script = "cat /tmp/left; echo; echo $COLOUR; env | grep -c HIDDEN; tr '\\0' ' ' </proc/1/cmdline; exit 5"
    done = daemon.burrow("exec", container, "--", "sh", "-c", script)
    lines = done.stdout.splitlines()
    assert (done.returncode, lines[:3]) == (5, ["by the function", "green", "0"]), done.stderr
    assert "python3" in lines[3]
    assert call(daemon, "entered", "leave") == ""  # it goes on
    missing = daemon.burrow("exec", "ct-none", "--", "true")
    assert missing.returncode == 1 and "no container 'ct-none' is ready" in missing.stderr
    stop(daemon, "entered")


def client(daemon: Daemon, code: str) -> str:
    """What a Python program that is a client of its own prints."""
    import os
    import sys

    done = subprocess.run(
        [os.environ.get("BURROW_PYTHON", sys.executable), "-c", code],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        universal_newlines=True,
        env=daemon.environment(),
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def descendants(pid: int) -> "dict[int, str]":
    """Processes below one, with their command lines."""
    parents, commands = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                status = (entry / "stat").read_text()
                commands[int(entry.name)] = (entry / "cmdline").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(status.rpartition(")")[2].split()[1])
    found: "dict[int, str]" = {}
    level = {pid}
    while level:
        level = {child for child, parent in parents.items() if parent in level}
        found.update((child, commands[child]) for child in level)
    return found


def peak_kib(pid: int) -> int:
    status = Path("/proc/%d/status" % pid).read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


def test_a_result_of_200_mib_is_never_whole_in_burrowds_memory(
    daemon: Daemon, write_app: WriteApp
) -> None:
    code = """
    @app.function(memory=1500, timeout=120)
    def large(mib): return b"x" * (mib << 20)

    @app.function(memory=1500, timeout=120)
    def size(data): return len(data)
    """
    deploy(daemon, write_app, "large", code)
    use = "import burrow; f = burrow.Function.from_name('large', %r)\n"
    assert client(daemon, use % "large" + "print(len(f.remote(2)))") == "%d\n" % (2 << 20)
    assert client(daemon, use % "size" + "print(f.remote(bytes(2 << 20)))") == "%d\n" % (2 << 20)
    assert daemon.process is not None
    below = descendants(daemon.process.pid)
    burrowd = [pid for pid, command in below.items() if "burrowd" in command.split("\0")[0]]
    assert len(burrowd) >= 2, below
    for pid in burrowd:
        Path("/proc/%d/clear_refs" % pid).write_text("5")  # the peak begins anew
    before = {pid: peak_kib(pid) for pid in burrowd}
    result = client(daemon, use % "large" + "print(len(f.remote(200)))")
    argument = client(daemon, use % "size" + "print(f.remote(bytes(200 << 20)))")
    assert (result, argument) == ("%d\n" % (200 << 20),) * 2
    grown = {pid: (peak_kib(pid) - before[pid]) // 1024 for pid in burrowd}
    assert all(mib < 64 for mib in grown.values()), grown
    stop(daemon, "large")


# Deploys the app of a file with a queue of one call, for which the SDK has no option; prints the id of work().
BOUNDED = """
import sys
sys.path.insert(0, {directory!r})
import bounded
from burrow._client.reporter import Reporter
from burrow._client.session import Session
session = Session(bounded.app, Reporter())
specs, source = session.prepare()
for spec in specs: spec["maxQueued"] = 1
request = {{"name": "bounded", "functions": specs, "source": source}}
print(session.transport.unary("Deployments/Deploy", request)["functionIds"]["work"])
"""


def test_a_full_queue_says_when_to_come_again_and_the_client_does(
    daemon: Daemon, write_app: WriteApp
) -> None:
    import http.client
    import json

    path = write_app(VERSIONED.format(version=1), name="bounded")
    function = client(daemon, BOUNDED.format(directory=str(Path(path).parent))).strip()
    config = json.loads(daemon.config.read_text())
    connection = http.client.HTTPConnection(config["url"].partition("//")[2], timeout=30)

    def submit() -> "tuple[int, str]":
        arguments = {"inline": "gASVEAAAAAAAAABHP/AAAAAAAACFlH2UhpQu"}  # ((1.0,), {})
        call = {"callId": "fc-" + uuid.uuid4().hex[:26], "arguments": arguments}
        body = json.dumps({"functionId": function, "inputs": [call]})
        headers = {"Content-Type": "application/json", "Authorization": "Bearer " + config["token"]}
        connection.request("POST", "/burrow.v1.Calls/Submit", body, headers)
        with connection.getresponse() as answer:
            answer.read()
            return answer.status, answer.headers.get("Retry-After", "")

    assert submit() == (200, "")  # its container has yet to start
    status, after = submit()
    assert status == 429 and 1 <= int(after) <= 60
    code = "import burrow; f = burrow.Function.from_name('bounded', 'work')\n"
    code += "print([c.get(timeout=60) for c in [f.spawn(0.1) for _ in range(4)]])"
    assert client(daemon, code) == "[1, 1, 1, 1]\n"
    stop(daemon, "bounded")


CLASS = """
@app.cls(secrets=[burrow.Secret.from_dict({{"WORD": "w{version}"}})])
class Counter:
    start: int = burrow.parameter(default=1)
    name: str = burrow.parameter()

    @burrow.enter()
    def begin(self):
        self.count = self.start

    @burrow.method()
    def add(self, by=1):
        import os
        self.count += by
        return [self.name, self.count, os.environ["WORD"]]

    @burrow.method()
    def each(self):
        yield from range(self.start)
"""

USES_CLASS = """
import burrow
Counter = burrow.Cls.from_name("counters", "Counter")
print(Counter(name="a").add.remote(by=2), Counter(name="b", start=5).add.remote())
print(list(Counter(name="b", start=3).each.remote_gen()))
for wrong in (lambda: Counter().add.remote(), lambda: Counter(name="a").add.local(),
              lambda: burrow.Function.from_name("counters", "Counter").remote()):
    try:
        wrong()
    except burrow.exception.InvalidError as error:
        print(error)
"""


def test_a_deployed_class_is_called_by_name_with_its_parameters_and_secrets(
    daemon: Daemon, write_app: WriteApp
) -> None:
    daemon.burrow("app", "stop", "counters")
    deploy(daemon, write_app, "counters", CLASS.format(version=1))
    lines = client(daemon, USES_CLASS).splitlines()
    assert lines[:2] == ["['a', 3, 'w1'] ['b', 6, 'w1']", "[0, 1, 2]"]
    assert lines[2] == "Counter needs its parameter name."
    assert "its source is not here" in lines[3]
    assert "use burrow.Cls.from_name" in lines[4]
    deploy(daemon, write_app, "counters", CLASS.format(version=2))
    assert client(daemon, USES_CLASS).splitlines()[0] == "['a', 3, 'w2'] ['b', 6, 'w2']"
    stop(daemon, "counters")
