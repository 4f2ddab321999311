"""One function for several stages: each has variables and secrets of its own."""

import os

import burrow as modal

app = modal.App("stages")
testing = modal.Secret.from_dict({"DATABASE": "memory://test"})
live = modal.Secret.from_dict({"DATABASE": "memory://live"})


@app.function(env={"STAGE": "test", "REGION": "north"}, secrets=[testing])
def describe():
    return "%s in the %s on %s" % (
        os.environ["STAGE"],
        os.environ["REGION"],
        os.environ["DATABASE"],
    )


@app.cls(env={"STAGE": "test"}, secrets=[testing])
class Store:
    name: str = modal.parameter(default="main")

    @modal.method()
    def where(self):
        return "%s/%s" % (os.environ["DATABASE"], self.name), os.environ["STAGE"]


@app.local_entrypoint()
def main():
    promoted = describe.with_options(env={"STAGE": "live"}, secrets=[live])
    print(describe.remote())
    print(promoted.remote())
    print(promoted.with_options(env={"REGION": "south"}).remote())
    print(Store().where.remote())
    print(Store.with_options(secrets=[live], env={"STAGE": "live"})(name="tides").where.remote())


# prints:
# test in the north on memory://test
# live in the north on memory://live
# live in the south on memory://live
# ('memory://test/main', 'test')
# ('memory://live/tides', 'live')
