"""Exceptions come back as they were raised."""

import burrow as modal

app = modal.App("errors")


class Refused(Exception):
    def __init__(self, code):
        super().__init__("refused with %d" % code)
        self.code = code

    def __reduce__(self):
        return Refused, (self.code,)


@app.function()
def check(x: int) -> int:
    if x == 0:
        raise ZeroDivisionError("no zero")
    if x < 0:
        raise Refused(-x)
    return 10 // x


@app.local_entrypoint()
def main():
    try:
        check.remote(0)
    except ZeroDivisionError as error:
        print("caught", error)
    try:
        check.remote(-7)
    except Refused as error:
        print("caught", error, error.code)
    for outcome in check.map([1, 0, -1], return_exceptions=True):
        print(repr(outcome))
    try:
        list(check.map([5, 0]))
    except ZeroDivisionError:
        print("the map ended")


# prints:
# caught no zero
# caught refused with 7 7
# 10
# ZeroDivisionError('no zero')
# Refused('refused with 1')
# the map ended
