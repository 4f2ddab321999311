"""A first app: run it with `burrow run examples/hello.py --count 20`."""

from typing import Iterator

import burrow

app = burrow.App("hello")


@app.function()
def square(x: int) -> int:
    print(f"squaring {x} in a container")
    return x * x


@app.function()
def countdown(start: int) -> Iterator[int]:
    for number in range(start, 0, -1):
        yield number


@app.local_entrypoint()
def main(count: int = 10) -> None:
    print("12 squared is", square.remote(12))
    print("the squares up to", count, "add up to", sum(square.map(range(count + 1))))
    print("countdown:", *countdown.remote_gen(3))
