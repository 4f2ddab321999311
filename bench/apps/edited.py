"""The script that the edit-to-output benchmark rewrites before each run."""

import burrow

app = burrow.App("bench-edited")


@app.function()
def show() -> None:
    print("edited 0", flush=True)


@app.local_entrypoint()
def main() -> None:
    show.remote()
