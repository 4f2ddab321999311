"""The app of the benchmark of large values."""

import burrow

app = burrow.App("bench-large")


@app.function(memory=6000, timeout=600, scaledown_window=600)
def zeros(mib: int) -> bytes:
    """So many MiB."""
    return bytes(mib << 20)
