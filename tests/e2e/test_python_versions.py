"""Images with an older and a newer Python than the client's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Dict

import pytest

from daemon import Daemon

CODE = """
import asyncio, dataclasses, os, sys, threading

image = burrow.Image.debian_slim(python_version=%r)

@dataclasses.dataclass
class Point:
    x: int
    y: "list[int]"

class Wrong(Exception):
    pass

@app.function(image=image)
def moved(point, by=1):
    print("moves by", by)
    return Point(point.x + by, point.y + [by]), "%%d.%%d" %% sys.version_info[:2]

@app.function(image=image)
def count(n):
    for i in range(n):
        yield Point(i, [])

@app.function(image=image)
async def slowly(n):
    for i in range(n):
        await asyncio.sleep(0)
        yield i

@app.function(image=image)
def fail(point):
    try:
        {}["no such key"]
    except KeyError as error:
        raise Wrong("wrong", point) from error

@app.function(image=image)
def asks(x):
    return moved.remote(Point(x, []))[0].x, [point.x for point in count.remote_gen(3)]

@app.function(image=image)
@burrow.concurrent(max_inputs=2)
def threaded(name):
    thread = threading.Thread(target=print, args=("threaded", name))
    thread.start()
    thread.join()
    return burrow.current_call_id() is not None

@app.cls(image=image)
class Counter:
    start: int = burrow.parameter(default=0)

    @burrow.enter()
    def enter(self):
        self.count = self.start

    @burrow.method()
    def add(self, n):
        self.count += n
        return self.count

@app.cls(image=image, enable_memory_snapshot=True, single_use_containers=True)
class Warm:
    @burrow.enter(snap=True)
    def load(self):
        self.loaded = "loaded"

    @burrow.method()
    def ask(self):
        return self.loaded, os.getpid()
"""
MAIN = """
import json
said = {}
point, said["version"] = moved.remote(Point(1, [2]), by=3)
said["moved"] = [point.x, point.y, type(point) is Point]
said["mapped"] = [one.x for one, _ in moved.map([Point(i, []) for i in range(5)])]
said["yielded"] = [one.x for one in count.remote_gen(3)] + list(slowly.remote_gen(3))
try:
    fail.remote(Point(7, []))
except Wrong as wrong:
    said["raised"] = [wrong.args[0], wrong.args[1].x, "KeyError: 'no such key'" in str(wrong.__cause__)]
said["asks"] = asks.remote(4)
said["threaded"] = list(threaded.map("ab"))
said["class"] = [Counter(start=10).add.remote(n) for n in (1, 2)] + [Counter().add.remote(5)]
try:
    moved.remote(lambda: 1)
except burrow.exception.Error as error:
    said["by value"] = str(error)
for _ in range(60):
    loaded, pid = Warm().ask.remote()
    if pid != 1:
        said["forked"] = loaded
        break
print(json.dumps(said), flush=True)
"""


@pytest.mark.parametrize("version", ["3.9", "3.13"])
def test_calls_cross_between_the_clients_python_and_the_images(
    daemon: Daemon, write_app: Callable[..., str], tmp_path: Path, version: str
) -> None:
    path = write_app(CODE % version, main=MAIN)
    done = daemon.burrow("run", path, cwd=tmp_path, deadline_s=900)
    assert done.returncode == 0, done.stderr
    said: "Dict[str, Any]" = json.loads(done.stdout[done.stdout.index("{") :].splitlines()[0])
    by_value = said.pop("by value")
    assert "cannot run on Python %s: use an image" % version in by_value
    assert said == {
        "version": version,
        "moved": [4, [2, 3], True],
        "mapped": [1, 2, 3, 4, 5],
        "yielded": [0, 1, 2, 0, 1, 2],
        "raised": ["wrong", 7, True],
        "asks": [5, [0, 1, 2]],
        "threaded": [True, True],
        "class": [11, 13, 5],
        "forked": "loaded",
    }
    assert "moves by 3\n" in done.stdout
    assert "threaded a\n" in done.stdout and "threaded b\n" in done.stdout
