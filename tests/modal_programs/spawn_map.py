"""Many calls queued at once, one handle for all."""

import burrow as modal

app = modal.App("spawn-map")


@app.function()
def cube(x: int) -> int:
    return x**3


@app.local_entrypoint()
def main():
    calls = cube.spawn_map(range(20))
    print(list(calls.iter()) == [n**3 for n in range(20)])
    print(calls.get(index=4))
    again = modal.FunctionCall.from_id(calls.object_id)
    print(sum(again.iter()))


# prints:
# True
# 64
# 36100
