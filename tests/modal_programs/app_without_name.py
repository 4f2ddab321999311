"""A program whose app has no name, with the parameters that such programs give."""

import os

import burrow as modal

app = modal.App(tags={"team": "search"}, include_source=True)
nothing = modal.Secret.from_dict()


@app.function(env={"LEVEL": "debug", "PROXY": None}, secrets=[nothing])
def square(x: int) -> int:
    assert os.environ["LEVEL"] == "debug" and "PROXY" not in os.environ
    if x == 3:
        raise ValueError("three")
    return x * x


@app.local_entrypoint()
def main():
    print(sorted(app.registered_functions), square.hydrate().object_id.startswith("fu-"))
    print(list(square.map(range(5), return_exceptions=True, wrap_returned_exceptions=False)))
    calls = square.spawn_map(range(10, 20))
    print(calls.num_inputs(), list(calls.iter(start=2, end=4)), calls.get(index=9))
    again = modal.functions.FunctionCall.from_id(calls.object_id)
    print(again.num_inputs(), list(again.iter(start=8)))
    again.cancel(terminate_containers=True)
    try:
        app.deploy()
    except modal.exception.InvalidError as error:
        print("no name" in str(error))
    try:
        modal.Function.from_name("shop", "price", environment_name="staging")
    except modal.exception.InvalidError as error:
        print("workspace" in str(error))


# prints:
# ['square'] True
# [0, 1, 4, ValueError('three'), 16]
# 10 [144, 169] 361
# 10 [324, 361]
# True
# True
