"""The app that the serve benchmark edits while it runs."""

import burrow

app = burrow.App("bench-served")


@app.function()
def show() -> str:
    return "edited 0"
