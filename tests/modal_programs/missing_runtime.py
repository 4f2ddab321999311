"""A container runtime that is not there is named."""

import burrow as modal

app = modal.App("missing-runtime")


@app.function(runtime="runsc")
def f():
    return 1


@app.local_entrypoint()
def main():
    f.remote()


# exits: 1
# complains: runsc
