"""Async hooks and methods share one event loop."""

import asyncio

import burrow as modal

app = modal.App("async-class")


@app.cls(max_containers=1)
@modal.concurrent(max_inputs=10)
class Service:
    @modal.enter()
    async def start(self):
        self.loop = asyncio.get_running_loop()
        self.arrived = 0
        self.all_here = asyncio.Event()

    @modal.method()
    async def meet(self, n: int) -> bool:
        self.arrived += 1
        if self.arrived == n:
            self.all_here.set()
        await self.all_here.wait()
        return self.loop is asyncio.get_running_loop()

    @modal.method()
    async def count(self, n: int):
        for i in range(n):
            yield i


@app.local_entrypoint()
def main():
    service = Service()
    print(list(service.meet.map([5] * 5)))
    print(list(service.count.remote_gen(3)))


# prints:
# [True, True, True, True, True]
# [0, 1, 2]
