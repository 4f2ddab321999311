"""A class whose instances tell how busy they are, each set of parameters for itself."""

import time

import burrow as modal

app = modal.App("class_autoscaler")


@app.cls(max_containers=1, cpu=0.1, memory=64)
class Holder:
    name: str = modal.parameter(default="plain")

    @modal.method()
    def hold(self, seconds: float) -> str:
        time.sleep(seconds)
        return self.name


def wait_until(holder, backlog, runners):
    for _ in range(600):
        stats = holder.get_current_stats()
        if (stats.backlog, stats.num_total_runners) == (backlog, runners):
            return True
        time.sleep(0.1)
    return False


@app.local_entrypoint()
def main():
    busy, idle = Holder(name="busy"), Holder(name="idle")
    calls = [busy.hold.spawn(600) for _ in range(3)]
    print(wait_until(busy, 2, 1), wait_until(idle, 0, 0))
    busy.update_autoscaler(max_containers=2)
    print(wait_until(busy, 1, 2), wait_until(idle, 0, 0))
    for call in calls:
        call.cancel()
    print(wait_until(idle, 0, 0))
    idle.update_autoscaler(min_containers=1)
    print(wait_until(idle, 0, 1), idle.hold.remote(0))


# prints:
# True True
# True True
# True
# True idle
