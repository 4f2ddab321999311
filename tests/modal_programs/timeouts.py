"""A call that takes too long ends, and its container lives on."""

import time

import burrow as modal

app = modal.App("timeouts")
calls = []


@app.function(timeout=1, max_containers=1)
def nap(seconds: float) -> int:
    calls.append(seconds)
    time.sleep(seconds)
    return len(calls)


@app.local_entrypoint()
def main():
    print(nap.remote(0))
    try:
        nap.remote(60)
    except modal.exception.FunctionTimeoutError:
        print("timed out")
    try:
        nap.remote(60)
    except modal.exception.TimeoutError:
        print("timed out again")
    print(nap.remote(0))


# prints:
# 1
# timed out
# timed out again
# 4
