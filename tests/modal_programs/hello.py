"""A function called here and there."""

import burrow as modal

app = modal.App("hello")


@app.function()
def square(x: int) -> int:
    print("This code is running on a remote worker!")
    return x**2


@app.local_entrypoint()
def main():
    print("local", square.local(7))
    print("the square is", square.remote(42))


# prints:
# This code is running on a remote worker!
# local 49
# the square is 1764
# prints remotely:
# This code is running on a remote worker!
