"""All that a function prints arrives, however much it is."""

import sys

import burrow as modal

app = modal.App("many-lines")


@app.function()
def chatter(lines: int) -> int:
    for _ in range(lines):
        print("a line of some length that is printed again and again")
    print("to stderr", file=sys.stderr)
    print("without an end", end="", file=sys.stderr)
    return lines


@app.local_entrypoint()
def main():
    print(chatter.remote(5000))


# prints:
# 5000
# complains: to stderr
# complains: without an end
# prints remotely 5000 times:
# a line of some length that is printed again and again
