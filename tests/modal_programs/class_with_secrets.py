"""A class and its base: both have hooks, and the options of @app.cls() hold for all methods."""

import os

import burrow as modal

app = modal.App("class-with-secrets")
database = modal.Secret.from_dict({"DATABASE": "memory://tides"})


class Connected:
    @modal.enter()
    def connect(self):
        self.address = os.environ["DATABASE"]
        self.log = ["connected"]

    @modal.method()
    def history(self) -> list:
        return self.log


@app.cls(secrets=[database], env={"LEVEL": "info"}, max_containers=1)
class Table(Connected):
    name: str = modal.parameter()

    @modal.enter()
    def choose(self):
        self.log.append("chose " + self.name)

    @modal.method()
    def address_of(self) -> str:
        return "%s/%s at %s" % (self.address, self.name, os.environ["LEVEL"])

    @modal.method()
    def rows(self, n: int):
        self.log.append("read %d" % n)
        for i in range(n):
            yield "%s-%d" % (self.name, i)


@app.local_entrypoint()
def main():
    table = Table(name="levels")
    print(table.address_of.remote())
    print(list(table.rows.remote_gen(2)))
    print(table.history.remote())
    print(Table(name="winds").history.remote())
    print("DATABASE" in os.environ)


# prints:
# memory://tides/levels at info
# ['levels-0', 'levels-1']
# ['connected', 'chose levels', 'read 2']
# ['connected', 'chose winds']
# False
