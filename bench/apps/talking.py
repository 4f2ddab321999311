"""The app of the benchmark of logs that many follow."""

import burrow

app = burrow.App("bench-talking")


@app.function(scaledown_window=600)
def say(lines: int, last: str) -> None:
    """Prints so many lines and one that nobody has seen before."""
    for number in range(lines):
        print("line %d of what a function says while it works" % number)
    print(last)
