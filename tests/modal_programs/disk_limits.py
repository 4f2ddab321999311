"""A container that writes more than its disk ends, and its call says so."""

import os

import burrow as modal

app = modal.App("disk-limits")


@app.function(ephemeral_disk=64, max_containers=1)
def keep(mebibytes: int) -> int:
    with open("/srv/kept", "wb") as file:
        for _ in range(mebibytes):
            file.write(os.urandom(1 << 20))
    while os.path.getsize("/srv/kept") > 64 << 20:
        pass
    return os.path.getsize("/srv/kept") >> 20


@app.local_entrypoint()
def main():
    print(keep.remote(10))
    try:
        keep.remote(100)
    except modal.exception.OutOfDiskError as error:
        print("too much:", "64 MiB" in str(error))
    print(keep.remote(20))


# prints:
# 10
# too much: True
# 20
