"""Functions that are not trusted run under gVisor, which gives each container a kernel of its own."""

import os
import socket
import sys
import time

import burrow as modal

app = modal.App("own-kernel")


@app.function()
def host_kernel() -> str:
    return os.uname().release


@app.function(runtime="runsc")
def kernel() -> str:
    print("inside")
    print("an error line", file=sys.stderr)
    return os.uname().release


@app.function(runtime="runsc")
def numbers(count: int):
    for number in range(count):
        yield number


@app.function(runtime="runsc")
def fail(text: str) -> None:
    assert sys.stdin.read() == ""
    raise ValueError(text)


@app.function(runtime="runsc", timeout=2)
def sleepy() -> None:
    time.sleep(600)


@app.function(runtime="runsc")
def job() -> None:
    time.sleep(600)


@app.function(runtime="runsc")
def ask() -> bool:
    """Whether a function that another kernel runs can be called from here, and which interfaces there are."""
    names = sorted(name for _, name in socket.if_nameindex())
    return host_kernel.remote() != os.uname().release and names == ["eth0", "lo"]


@app.cls(runtime="runsc", scaledown_window=2)
class Counter:
    @modal.enter()
    def start(self) -> None:
        self.total = 40

    @modal.method()
    def add(self, x: int) -> int:
        self.total += x
        return self.total

    @modal.exit()
    def stop(self) -> None:
        print("left at", self.total)


@app.local_entrypoint()
def main():
    print(kernel.remote() != host_kernel.remote())
    print(list(numbers.remote_gen(3)))
    try:
        fail.remote("as usual")
    except ValueError as error:
        print("ValueError:", error)
    try:
        sleepy.remote()
    except modal.exception.FunctionTimeoutError:
        print("too late")
    running = job.spawn()
    try:
        running.get(timeout=3)
    except TimeoutError:
        running.cancel()
    try:
        running.get(timeout=60)
    except modal.exception.CancelledError:
        print("cancelled")
    print(ask.remote())
    counter = Counter()
    print(counter.add.remote(1), counter.add.remote(1))
    time.sleep(4)


# prints:
# True
# [0, 1, 2]
# ValueError: as usual
# too late
# cancelled
# True
# 41 42
# prints remotely:
# inside
# left at 42
