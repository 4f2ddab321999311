"""Parts of a program as apps of their own, put together into one."""

import burrow as modal

texts = modal.App("texts")
numbers = modal.App("numbers")


@texts.function()
def shout(text: str) -> str:
    return text.upper()


@numbers.function()
def halve(x: int) -> float:
    return x / 2


@numbers.cls()
class Sum:
    @modal.enter()
    def start(self):
        self.total = 0

    @modal.method()
    def add(self, x: int) -> int:
        self.total += x
        return self.total


app = modal.App("included-apps").include(texts).include(numbers)


@app.function()
def both(text: str, x: int) -> str:
    return "%s %s" % (shout.local(text), halve.local(x))


@app.local_entrypoint()
def main():
    print(shout.remote("one"), halve.remote(3))
    print(both.remote("two", 5))
    total = Sum()
    print(total.add.remote(1) + total.add.remote(2))
    print(sorted(app.functions))


# prints:
# ONE 1.5
# TWO 2.5
# 4
# ['Sum', 'both', 'halve', 'shout']
