"""What a function may ask of its containers."""

import os

import burrow as modal

app = modal.App("options")


@app.function(
    name="renamed",
    cpu=(0.25, 1.0),
    memory=(64, 256),
    env={"COLOUR": "green"},
    block_network=True,
    buffer_containers=0,
    startup_timeout=120,
    scaledown_window=20,
)
def look() -> tuple:
    return os.environ["COLOUR"], sorted(os.listdir("/sys/class/net"))


@app.function(single_use_containers=True)
def where() -> str:
    return os.environ["BURROW_CONTAINER_ID"]


@app.function(runtime="crun")
def plain() -> str:
    return "plain"


@app.local_entrypoint()
def main():
    print(look.name, *look.remote())
    print(where.remote() != where.remote())
    print(plain.remote())


# prints:
# renamed green ['lo']
# True
# plain
