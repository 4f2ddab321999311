"""An app of every kind of function, and callers of each who are sure of their own results."""

from __future__ import annotations

from inside import SAYING

APP = (
    SAYING
    + """
from burrow import Retries

retries = Retries(max_retries=10, initial_delay=0.05, backoff_coefficient=1.0)

def work(name, x):
    say(name, "runs")
    time.sleep(0.02 + x % 7 / 50)
    say(name, "ended")

@app.function(retries=retries, max_containers=3, timeout=60)
def square(x):
    work("square", x)
    return x * x

@app.function(retries=retries, timeout=60)
def count(n):
    say("count", "runs")
    for i in range(n):
        time.sleep(0.02)
        yield i
    say("count", "ended")

@app.function(retries=retries, timeout=60, single_use_containers=True)
def once(x):
    time.sleep(0.2)
    return x + 1

@app.function(retries=retries, timeout=60, max_containers=1)
@burrow.concurrent(max_inputs=4)
def together(x):
    work("together", x)
    return x + 2

@app.cls(retries=retries, timeout=60, max_containers=2)
class Adder:
    base: int = burrow.parameter(default=0)

    @burrow.enter()
    def begin(self):
        self.name, self.served = os.urandom(8).hex(), 0

    @burrow.method()
    def add(self, x):
        self.served += 1
        work("Adder", x)
        return self.base + x, self.name, self.served

@app.cls(retries=retries, timeout=60, enable_memory_snapshot=True, single_use_containers=True)
class Warm:
    @burrow.enter(snap=True)
    def load(self):
        self.loaded = "loaded"

    @burrow.method()
    def ask(self, x):
        work("Warm", x)
        return self.loaded, x, os.getpid() != 1

# Of its own: one whose forks were killed before they took calls is forked no more by that worker.
@app.cls(retries=retries, timeout=60, enable_memory_snapshot=True, single_use_containers=True)
class Entered:
    @burrow.enter()
    def connect(self):
        say("Entered", "starts")
        time.sleep(0.05)

    @burrow.method()
    def ask(self, x):
        return -x

@app.function(retries=retries, timeout=60, enable_memory_snapshot=True, single_use_containers=True)
def warmed(x):
    work("warmed", x)
    return x + 3
"""
)

# Says that it begins, and goes on with `loads` until its stdin ends, or one finds something wrong; then says what `last`
# does.
GO_ON = """
over = threading.Event()

def guarded(load):
    try:
        while True:
            load()
            if over.is_set(): break
    except BaseException:
        traceback.print_exc()
        os._exit(1)

for load in loads: load()  # so that all of them are found before the server is away
print("begins", flush=True)
threads = [threading.Thread(target=guarded, args=(load,)) for load in loads]
for thread in threads: thread.start()
sys.stdin.read()
over.set()
for thread in threads: thread.join()
print("ends, and " + last())
"""

CALLERS = (
    """
import collections, os, sys, threading, traceback, burrow

function = lambda name: burrow.Function.from_name("chaos", name)
square, count, once, together, warmed = map(function, "square count once together warmed".split())
Adder, Warm, Entered = (burrow.Cls.from_name("chaos", name) for name in "Adder Warm Entered".split())
forks, served = [], collections.Counter()

def mapped():
    assert list(square.map(range(30))) == [x * x for x in range(30)], "map"
    seen = collections.Counter(square.map(range(20), order_outputs=False))
    assert seen == collections.Counter(x * x for x in range(20)), "map without order"

def spawned():
    calls = [(x, square.spawn(x)) for x in range(15)]
    for x, call in calls:
        assert call.get(timeout=120) == x * x, "spawn"
    for x, call in calls[:5]:
        assert burrow.FunctionCall.from_id(call.object_id).get(timeout=120) == x * x, "from_id"

def spawned_at_once():
    call = square.spawn_map(range(20))
    assert list(call.iter()) == [x * x for x in range(20)], "spawn_map"
    again = burrow.FunctionCall.from_id(call.object_id)
    assert again.get(timeout=120, index=7) == 49, "spawn_map, from_id"

def called():
    for x in range(10):
        assert square.remote(x) == x * x, "remote"
    assert list(count.remote_gen(20)) == list(range(20)), "remote_gen"
    assert once.remote(1) == 2, "single use"

# An instance counts what it served: no two callers were given the same.
def with_state():
    added = list(Adder(base=100).add.map(range(15)))
    assert [value for value, _, _ in added] == list(range(100, 115)), "class"
    served.update((name, number) for _, name, number in added)
    assert set(served.values()) == {1}, "class with state"

def at_once():
    assert list(together.map(range(20))) == list(range(2, 22)), "concurrent"

def forked():
    answers = list(Warm().ask.map(range(3)))
    assert [answer[:2] for answer in answers] == [("loaded", x) for x in range(3)], "forks of a class"
    forks.extend(answer[2] for answer in answers if answer[2])
    assert warmed.remote(4) == 7, "forks of a function"

def entered():
    assert [Entered().ask.remote(x) for x in range(3)] == [0, -1, -2], "hooks of forks"

loads = (mapped, spawned, spawned_at_once, called, with_state, at_once, forked, entered)
last = lambda: "%s were forked" % ("some" if forks else "none")
"""
    + GO_ON
)
