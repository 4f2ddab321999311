"""Cancelling the task that awaits a call cancels the call."""

import asyncio

import burrow as modal

app = modal.App("async-cancel")


@app.function(max_containers=1)
async def nap(seconds: float) -> str:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        print("cancelled there")
        raise
    return "rested"


@app.local_entrypoint()
async def main():
    print(await nap.remote.aio(0))
    try:
        await asyncio.wait_for(nap.remote.aio(600), 1.0)
    except asyncio.TimeoutError:
        print("cancelled here")
    print(await nap.remote.aio(0))


# prints in any order:
# rested
# cancelled there
# cancelled here
# rested
