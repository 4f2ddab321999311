"""Functions in containers call other functions, as the local program does."""

import burrow as modal

app = modal.App("nested-calls")


@app.function()
def square(x: int) -> int:
    return x * x


@app.function()
def total(xs: list) -> int:
    return sum(square.map(xs))


@app.function()
def factorial(n: int) -> int:
    return 1 if n <= 1 else n * factorial.remote(n - 1)


@app.function()
def letters(word: str):
    for letter in word:
        yield letter


@app.function()
def spell(word: str) -> str:
    return "-".join(letters.remote_gen(word))


@app.function()
async def both(x: int) -> list:
    import asyncio

    return list(await asyncio.gather(square.remote.aio(x), total.remote.aio([x, x])))


@app.local_entrypoint()
def main():
    print(total.remote([1, 2, 3]))
    print(list(total.map([[1], [1, 2], [1, 2, 3]])))
    print(factorial.remote(4))
    print(spell.remote("map"))
    print(both.remote(3))


# prints:
# 14
# [1, 5, 14]
# 24
# m-a-p
# [9, 18]
