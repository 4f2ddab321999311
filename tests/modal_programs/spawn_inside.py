"""A function starts jobs and hands their handles on; whoever has one may wait for it."""

import burrow as modal

app = modal.App("spawn-inside")


@app.function()
def work(x: int) -> int:
    if x < 0:
        raise ValueError("negative work")
    return 10 * x


@app.function()
def start(xs: list) -> list:
    return [work.spawn(x).object_id for x in xs]


@app.function()
def collect(ids: list) -> list:
    return [modal.FunctionCall.from_id(call_id).get(timeout=60) for call_id in ids]


@app.function()
def guarded() -> str:
    try:
        work.remote(-1)
    except ValueError as error:
        return "caught %s" % error
    return "not raised"


@app.local_entrypoint()
def main():
    ids = start.remote([1, 2, 3])
    print(collect.remote(ids))
    print(modal.FunctionCall.from_id(ids[0]).get())
    print(guarded.remote())


# prints:
# [10, 20, 30]
# 10
# caught negative work
