"""Jobs are cancelled while they run and while they wait; the others go on."""

import time

import burrow as modal

app = modal.App("cancelling-jobs")


@app.function(max_containers=1, cpu=0.1, memory=64)
def job(name: str, seconds: float) -> str:
    print("begun", name)
    time.sleep(seconds)
    return name


def outcome(call) -> str:
    try:
        return "%s ended" % call.get(timeout=60)
    except modal.exception.CancelledError:
        return "cancelled"


@app.local_entrypoint()
def main():
    print(job.remote("first", 0))
    running = job.spawn("running", 600)
    waiting = job.spawn("waiting", 600)
    last = job.spawn("last", 0)
    waiting.cancel()
    print(outcome(waiting))
    try:
        running.get(timeout=1)
    except TimeoutError:
        print("still running")
    running.cancel()
    print(outcome(running))
    print(outcome(last))
    last.cancel()
    print(outcome(last))


# prints:
# first
# cancelled
# still running
# cancelled
# last ended
# last ended
# prints remotely:
# begun first
# begun running
# begun last
