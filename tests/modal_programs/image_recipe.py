"""An image of several steps, and an import that only the image can satisfy."""

import os
from pathlib import Path

import burrow as modal

HERE = Path(__file__).parent

image = (
    modal.Image.debian_slim()
    .run_commands(
        "mkdir -p /opt/greeter",
        "printf 'def greet(name):\\n    return \"hello \" + name\\n' > /opt/greeter/greeter.py",
    )
    .env({"PYTHONPATH": "/opt/greeter", "MOOD": "calm"})
    .add_local_file(str(HERE / "settings" / "weather.env"), "/etc/weather.env")
    .workdir("/opt/greeter")
)
app = modal.App("image-recipe", image=image)

with image.imports():
    import greeter


@app.function()
def greet(name: str) -> str:
    return greeter.greet(name)


@app.function()
def look() -> tuple:
    with open("/etc/weather.env") as file:
        first = file.readline().strip()
    return (
        os.getcwd(),
        os.environ["MOOD"],
        [name for name in os.listdir(".") if name.endswith(".py")],
        first,
    )


@app.function(image=modal.Image.debian_slim().env({"MOOD": "plain"}))
def elsewhere() -> tuple:
    return os.environ["MOOD"], os.path.exists("/opt/greeter")


@app.local_entrypoint()
def main():
    print(greet.remote("tide"))
    print(*look.remote())
    print(*elsewhere.remote())


# prints:
# hello tide
# /opt/greeter calm ['greeter.py'] # What weather.py needs; no secret of anybody.
# plain False
