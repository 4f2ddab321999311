"""A container that takes more memory than it may ends, and its call says so."""

import burrow as modal

app = modal.App("memory-limits")


@app.function(memory=(64, 160), max_containers=1)
def take(mebibytes: int) -> int:
    block = bytearray(mebibytes << 20)
    for at in range(0, len(block), 4096):
        block[at] = 1
    return len(block) >> 20


@app.local_entrypoint()
def main():
    print(take.remote(10))
    try:
        take.remote(1000)
    except modal.exception.OutOfMemoryError as error:
        print("too much:", "160 MiB" in str(error))
    print(take.remote(20))


# prints:
# 10
# too much: True
# 20
