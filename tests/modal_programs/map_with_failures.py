"""Maps in which some inputs fail: the others come back all the same."""

import burrow as modal

app = modal.App("map-with-failures")


@app.function()
def parse(text: str, base: int = 10, *, strict: bool = True) -> int:
    try:
        return int(text, base)
    except ValueError:
        if strict:
            raise
        return -1


@app.local_entrypoint()
def main():
    for found in parse.map(["1", "two", "3"], return_exceptions=True):
        print("failed" if isinstance(found, ValueError) else found)
    print(list(parse.map(["1", "two"], kwargs={"strict": False})))
    print(list(parse.starmap([("ff", 16), ("101", 2)], kwargs={"strict": True})))
    print(list(parse.starmap([("zz", 16), ("7",)], kwargs={"strict": False})))
    mixed = parse.map(["x"] * 5 + ["1"] * 5, order_outputs=False, return_exceptions=True)
    print(sum(isinstance(found, ValueError) for found in mixed))
    try:
        for found in parse.map(["5", "x"]):
            print(found)
    except ValueError as error:
        print("raised:", error)
    parse.for_each(["x", "1"], ignore_exceptions=True)


# prints:
# 1
# failed
# 3
# [1, -1]
# [255, 5]
# [-1, 7]
# 5
# 5
# raised: invalid literal for int() with base 10: 'x'
