"""A function that only seems to return, a class called in batches, and a job cancelled from a loop."""

import asyncio
import time

import burrow as modal

app = modal.App("generators-batches-and-cancelling")


def numbers(n: int):
    yield from range(n)


@app.function(is_generator=True)
def hidden(n: int):
    return numbers(n)


@app.cls(max_containers=1)
class Adder:
    @modal.method()
    def add(self, xs: list) -> list:
        return [(x + 1, len(xs) > 1) for x in xs]


@app.function(timeout=600)
def endless() -> None:
    time.sleep(600)


async def start_and_cancel() -> str:
    call = await endless.spawn.aio()
    try:
        await call.get.aio(timeout=0)
    except TimeoutError:
        await call.cancel.aio()
    try:
        return await call.get.aio(timeout=60)
    except modal.exception.CancelledError:
        return "cancelled"


@app.local_entrypoint()
def main():
    print(list(hidden.remote_gen(4)))
    adder = Adder.with_batching(max_batch_size=4, wait_ms=2000)()
    sums = list(adder.add.map([1, 2, 3, 4]))
    print([value for value, _ in sums], all(together for _, together in sums))
    print(asyncio.run(start_and_cancel()))


# prints:
# [0, 1, 2, 3]
# [2, 3, 4, 5] True
# cancelled
