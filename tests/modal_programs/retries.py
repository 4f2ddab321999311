"""What raises is tried again, with pauses; a number of retries waits a second before each."""

import time

import burrow as modal

app = modal.App("retries")
tries = []


@app.function(
    max_containers=1,
    retries=modal.Retries(
        max_retries=3, backoff_coefficient=2.0, initial_delay=0.05, max_delay=0.5
    ),
)
def third_time(name: str) -> str:
    tries.append(name)
    if tries.count(name) < 3:
        raise RuntimeError("not yet")
    return "%s after %d" % (name, tries.count(name))


@app.function(max_containers=1, retries=1)
def never() -> None:
    print("trying")
    raise ValueError("never")


@app.function(max_containers=1, retries=2)
def third_second(name: str) -> bool:
    tries.append((name, time.monotonic()))
    times = [at for whose, at in tries if whose == name]
    if len(times) < 3:
        raise RuntimeError("not yet")
    return all(0.9 < later - earlier < 5 for earlier, later in zip(times, times[1:]))


@app.local_entrypoint()
def main():
    print(third_time.remote("remote"))
    print(list(third_time.map(["a", "b"])))
    try:
        never.remote()
    except ValueError as error:
        print("raised", error)
    print(third_second.remote("waits"))


# prints in any order:
# remote after 3
# ['a after 3', 'b after 3']
# trying
# trying
# raised never
# True
