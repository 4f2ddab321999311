"""What enter makes stays between calls."""

import burrow as modal

app = modal.App("class-with-state")


@app.cls(max_containers=1)
class Counter:
    @modal.enter()
    def start(self):
        self.total = 100

    @modal.method()
    def add(self, x: int) -> int:
        self.total += x
        return self.total

    @modal.method()
    def tell(self) -> str:
        return "total %d" % self.total


@app.local_entrypoint()
def main():
    counter = Counter()
    print(counter.add.remote(1))
    print(counter.add.remote(10))
    print(counter.tell.remote())
    print(counter.add.local(5))


# prints:
# 101
# 111
# total 111
# 105
