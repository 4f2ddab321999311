"""Containers are started for the target, and take more until they are there."""

import asyncio
import os

import burrow as modal

app = modal.App("concurrent-target")


@app.function(max_containers=2)
@modal.concurrent(max_inputs=20, target_inputs=10)
async def where(n: int) -> str:
    await asyncio.sleep(0.5)
    return os.environ["BURROW_CONTAINER_ID"]


@app.local_entrypoint()
def main():
    places = list(where.map(range(40)))
    print(len(places), 1 <= len(set(places)) <= 2)


# prints:
# 40 True
