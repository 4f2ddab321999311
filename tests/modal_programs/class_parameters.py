"""Each set of parameters has a pool of its own."""

import os

import burrow as modal

app = modal.App("class-parameters")


@app.cls()
class Model:
    size: int = modal.parameter(default=2)
    name: str = modal.parameter()
    loud: bool = modal.parameter(default=False)
    key: bytes = modal.parameter(default=b"\x00")

    @modal.enter()
    def load(self):
        self.table = [n * self.size for n in range(5)]

    @modal.method()
    def look(self, at: int) -> str:
        text = "%s[%d] = %d %r" % (self.name, at, self.table[at], self.key)
        return text.upper() if self.loud else text

    @modal.method()
    def where(self) -> str:
        return os.environ["BURROW_CONTAINER_ID"]


@app.local_entrypoint()
def main():
    small, large = Model(name="small"), Model(name="large", size=10, loud=True, key=b"k")
    print(small.look.remote(3))
    print(large.look.remote(3))
    print(list(large.look.map([0, 1])))
    print(small.where.remote() == Model(name="small", size=2).where.remote())
    print(small.where.remote() == large.where.remote())


# prints:
# small[3] = 6 b'\x00'
# LARGE[3] = 30 B'K'
# ["LARGE[0] = 0 B'K'", "LARGE[1] = 10 B'K'"]
# True
# False
