"""Functions that yield, plain and async."""

import burrow as modal

app = modal.App("generators")


@app.function()
def count(n: int):
    for i in range(n):
        yield i


@app.function()
async def count_async(n: int):
    for i in range(n):
        yield i * i


@app.local_entrypoint()
def main():
    for item in count.remote_gen(3):
        print(item)
    print(list(count_async.remote_gen(4)))
    for item in count.remote_gen(1000000):
        if item == 2:
            break
    print("stopped early")


# prints:
# 0
# 1
# 2
# [0, 1, 4, 9]
# stopped early
