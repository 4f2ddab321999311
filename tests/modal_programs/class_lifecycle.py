"""enter comes first and once, exit comes last."""

import burrow as modal

app = modal.App("class-lifecycle")


@app.cls(max_containers=1)
class Session:
    @modal.enter(snap=True)
    def first(self):
        print("loading")

    @modal.enter()
    async def second(self):
        print("connecting")

    @modal.method()
    def work(self, x):
        print("working on", x)
        return self.helper.local(x)

    @modal.method()
    def helper(self, x):
        return x + 1

    @modal.exit()
    def last(self):
        print("closing")


@app.local_entrypoint()
def main():
    session = Session()
    print(session.work.remote(1))
    print(session.work.remote(2))


# prints:
# 2
# 3
# prints remotely:
# loading
# connecting
# working on 1
# working on 2
# closing
