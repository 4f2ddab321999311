"""Containers that leave in the middle of a call: their callers are told, and the next call has a new one."""

import os
import sys

import burrow as modal

app = modal.App("leaving-containers")


@app.function(max_containers=1)
def leave(how: str) -> str:
    if how == "hard":
        os._exit(3)
    if how == "soft":
        sys.exit("enough")
    return "stayed"


@app.local_entrypoint()
def main():
    print(leave.remote("not"))
    for how in ("hard", "soft"):
        try:
            leave.remote(how)
        except BaseException as error:
            print(how, type(error).__name__)
    print(leave.remote("not"))


# prints:
# stayed
# hard ContainerCrashedError
# soft ContainerCrashedError
# stayed
# complains: enough
