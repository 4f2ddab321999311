"""Methods, spawned calls and maps are tried again like plain calls."""

import burrow as modal

app = modal.App("retries-of-methods")


@app.cls(max_containers=1, retries=modal.Retries(max_retries=4, initial_delay=0.0))
class Flaky:
    @modal.enter()
    def prepare(self):
        self.tries = {}

    @modal.method()
    def work(self, name: str, failures: int) -> str:
        self.tries[name] = self.tries.get(name, 0) + 1
        if self.tries[name] <= failures:
            raise ConnectionResetError("%s failed" % name)
        return "%s took %d" % (name, self.tries[name])


@app.function(max_containers=1, retries=2)
def hopeless() -> None:
    raise LookupError("nothing there")


@app.local_entrypoint()
def main():
    flaky = Flaky()
    print(flaky.work.remote("remote", 2))
    print(flaky.work.spawn("spawned", 4).get(timeout=60))
    print(list(flaky.work.starmap([("a", 0), ("b", 1), ("c", 3)])))
    try:
        flaky.work.remote("too often", 5)
    except ConnectionResetError as error:
        print("gave up:", error)
    call = hopeless.spawn()
    try:
        call.get(timeout=60)
    except LookupError as error:
        print("gave up:", error)


# prints:
# remote took 3
# spawned took 5
# ['a took 1', 'b took 2', 'c took 4']
# gave up: too often failed
# gave up: nothing there
