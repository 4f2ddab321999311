"""A function that tells how busy it is, and is told how far to scale."""

import time

import burrow as modal

app = modal.App("autoscaler")


@app.function(max_containers=1, cpu=0.1, memory=64)
def hold(seconds: float) -> str:
    time.sleep(seconds)
    return "held"


def wait_until(condition):
    for _ in range(600):
        if condition(hold.get_current_stats()):
            return True
        time.sleep(0.1)
    return False


@app.local_entrypoint()
def main():
    idle = hold.get_current_stats()
    print(idle.backlog, idle.num_total_runners)
    calls = [hold.spawn(600) for _ in range(3)]
    print(wait_until(lambda stats: stats.backlog == 2 and stats.num_total_runners == 1))
    hold.update_autoscaler(max_containers=2)
    print(wait_until(lambda stats: stats.backlog == 1 and stats.num_total_runners == 2))
    for call in calls:
        call.cancel()
    print(wait_until(lambda stats: stats.backlog == 0))
    hold.update_autoscaler(min_containers=1, scaledown_window=2)
    print(hold.remote(0))


# prints:
# 0 0
# True
# True
# True
# held
