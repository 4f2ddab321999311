"""The same functions and classes with other options."""

import os
import time

import burrow as modal

app = modal.App("with-options")


@app.function()
def nap(seconds):
    time.sleep(seconds)
    return os.environ["BURROW_CONTAINER_ID"]


@app.cls(max_containers=1)
class Kitchen:
    tables: int = modal.parameter(default=2)

    @modal.method()
    def serve(self, seconds):
        time.sleep(seconds)
        return self.tables, os.environ["BURROW_CONTAINER_ID"]


@app.local_entrypoint()
def main():
    print("containers of its own:", nap.remote(0) != nap.with_options(memory=256).remote(0))
    impatient = nap.with_options(timeout=1)
    try:
        impatient.remote(30)
    except modal.exception.FunctionTimeoutError:
        print("an impatient nap")
    busy = Kitchen.with_concurrency(max_inputs=4)(tables=5)
    served = list(busy.serve.map([0.5] * 4))
    print("tables:", {tables for tables, _ in served})
    print("one kitchen:", len({container for _, container in served}) == 1)
    try:
        nap.with_options(image=None)
    except modal.exception.InvalidError as error:
        print(str(error).split(";")[0])


# prints:
# containers of its own: True
# an impatient nap
# tables: {5}
# one kitchen: True
# with_options() cannot change image
