"""What is not caught ends the program, with the remote lines."""

import burrow as modal

app = modal.App("uncaught-error")


def deep(x):
    return {}["missing"]


@app.function()
def fail(x):
    return deep(x)


@app.local_entrypoint()
def main():
    print("before")
    fail.remote(1)


# prints:
# before
# exits: 1
# complains: return {}["missing"]
# complains: KeyError: 'missing'
