"""Sync functions run in threads of one container."""

import threading

import burrow as modal

app = modal.App("concurrent-threads")
barrier = threading.Barrier(4)
lock = threading.Lock()
seen = set()


@app.function(max_containers=1)
@modal.concurrent(max_inputs=4)
def meet(name: str) -> int:
    barrier.wait(60)
    with lock:
        seen.add(threading.get_ident())
    barrier.wait(60)
    print("met as", name)
    return len(seen)


@app.local_entrypoint()
def main():
    print(list(meet.map("abcd")))


# prints in any order:
# met as a
# met as b
# met as c
# met as d
# [4, 4, 4, 4]
