"""An async generator feeds a map, and what comes out is read as it comes."""

import asyncio

import burrow as modal

app = modal.App("async-pipeline")


@app.function()
async def pages(first: int, last: int):
    for number in range(first, last + 1):
        await asyncio.sleep(0.01)
        yield {"page": number, "words": list(range(number))}


@app.function()
async def count(page: dict) -> int:
    await asyncio.sleep(0)
    return len(page["words"])


@app.function()
async def broken(n: int):
    for i in range(n):
        yield i
    raise RuntimeError("the pipe broke")


@app.local_entrypoint()
async def main():
    total = 0
    async for words in count.map.aio(pages.remote_gen.aio(1, 6)):
        total += words
    print(total)
    counts = await asyncio.gather(*[count.remote.aio({"words": [0] * n}) for n in (3, 1, 2)])
    print(counts)
    seen = []
    try:
        async for item in broken.remote_gen.aio(3):
            seen.append(item)
    except RuntimeError as error:
        print(seen, error)
    async for item in pages.remote_gen.aio(1, 1000000):
        if item["page"] == 3:
            break
    print("left early at", item["page"])


# prints:
# 21
# [3, 1, 2]
# [0, 1, 2] the pipe broke
# left early at 3
