"""Calls that run while we do something else."""

import time

import burrow as modal

app = modal.App("spawn-and-gather")


@app.function()
def slow_square(x: int, seconds: float = 0) -> int:
    time.sleep(seconds)
    return x * x


@app.local_entrypoint()
def main():
    call = slow_square.spawn(12)
    print(call.object_id.startswith("fc-"), call.get(timeout=60))
    print(modal.FunctionCall.from_id(call.object_id).get())
    print(modal.FunctionCall.gather(*[slow_square.spawn(n) for n in range(4)]))
    late = slow_square.spawn(3, seconds=600)
    try:
        late.get(timeout=0.2)
    except TimeoutError:
        print("not yet")
    late.cancel()
    try:
        late.get()
    except modal.exception.CancelledError:
        print("cancelled")


# prints:
# True 144
# 144
# [0, 1, 4, 9]
# not yet
# cancelled
