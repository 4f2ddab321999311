"""Every call has its form for event loops."""

import asyncio

import burrow as modal

app = modal.App("async-calls")


@app.function()
async def double(x: int) -> int:
    return 2 * x


@app.function()
def count(n: int):
    yield from range(n)


async def numbers():
    for n in range(3):
        yield n
        await asyncio.sleep(0)


@app.local_entrypoint()
async def main():
    print(await double.remote.aio(1))
    print(await asyncio.gather(*[double.remote.aio(n) for n in range(5)]))
    print([x async for x in double.map.aio([1, 2, 3])])
    print([x async for x in double.map.aio(numbers())])
    print([x async for x in double.starmap.aio([(4,), (5,)])])
    print([x async for x in count.remote_gen.aio(3)])
    await double.for_each.aio([1])
    call = await double.spawn.aio(21)
    print(await call.get.aio())
    calls = [await double.spawn.aio(n) for n in (1, 2)]
    print(await modal.FunctionCall.gather.aio(*calls))
    mapped = await double.spawn_map.aio([7, 8])
    print([x async for x in mapped.iter.aio()])
    print(await double.local(5))


# prints:
# 2
# [0, 2, 4, 6, 8]
# [2, 4, 6]
# [0, 2, 4]
# [8, 10]
# [0, 1, 2]
# 42
# [2, 4]
# [14, 16]
# 10
