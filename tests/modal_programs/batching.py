"""Several calls become one."""

import burrow as modal

app = modal.App("batching")


@app.function(max_containers=1)
@modal.batched(max_batch_size=4, wait_ms=1000)
def multiply(xs: list, ys: list) -> list:
    print("a batch of", len(xs))
    return [x * y for x, y in zip(xs, ys)]


@app.cls(max_containers=1)
class Model:
    @modal.batched(max_batch_size=3, wait_ms=200)
    async def shout(self, words: list) -> list:
        return [word.upper() for word in words]


@app.function(max_containers=1)
@modal.batched(max_batch_size=2, wait_ms=100)
def wrong(xs: list) -> list:
    return xs + xs


@app.local_entrypoint()
def main():
    print(multiply.remote(6, 7))
    print(list(multiply.map(range(8), range(8))))
    print(list(Model().shout.map(["a", "b", "c", "d"])))
    try:
        wrong.remote(1)
    except ValueError as error:
        print("list" in str(error), "2 elements" in str(error))


# prints in any order:
# a batch of 1
# 42
# a batch of 4
# a batch of 4
# [0, 1, 4, 9, 16, 25, 36, 49]
# ['A', 'B', 'C', 'D']
# True True
