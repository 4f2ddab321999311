"""Many inputs at once, in order and out of it."""

import burrow as modal

app = modal.App("map-and-starmap")


@app.function()
def power(base: int, exponent: int = 2) -> int:
    return base**exponent


@app.local_entrypoint()
def main():
    print(list(power.map(range(5))))
    print(list(power.map([1, 2, 3], [3, 2, 1])))
    print(list(power.map([1, 2, 3], kwargs={"exponent": 3})))
    print(list(power.starmap([(2, 5), (5, 2)])))
    print(sorted(power.map(range(100), order_outputs=False)) == [n * n for n in range(100)])
    power.for_each(range(3))


# prints:
# [0, 1, 4, 9, 16]
# [1, 4, 3]
# [1, 8, 27]
# [32, 25]
# True
