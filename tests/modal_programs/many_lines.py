"""All that a function prints arrives, however much it is."""

import sys

import burrow as modal

app = modal.App("many-lines")


@app.function()
def chatter(lines: int) -> int:
    for _ in range(lines):
        print("a line of some length that is printed again and again")
    print("without an end", end="")
    sys.stdout.flush()
    print("to stderr", file=sys.stderr)
    return lines


@app.local_entrypoint()
def main():
    print(chatter.remote(5000))


# prints:
# 5000
# complains: to stderr
# prints remotely 5000 times:
# a line of some length that is printed again and again
# prints remotely:
# without an end
