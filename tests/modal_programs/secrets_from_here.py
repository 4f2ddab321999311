"""Secrets made of this machine's environment and of a dotenv file beside the program."""

import os
from pathlib import Path

import burrow as modal

app = modal.App("secrets-from-here")

if modal.is_local():
    os.environ["STATION_KEY"] = "key-of-this-shell"
SETTINGS = Path(__file__).parent / "settings"

shell = modal.Secret.from_local_environ(["STATION_KEY"])
dotenv = modal.Secret.from_dotenv(str(SETTINGS), filename="weather.env")


@app.function(secrets=[shell, dotenv])
def report(degrees: float) -> str:
    length = len(os.environ["STATION_KEY"])
    return "%s: %.1f (key of %d)" % (os.environ["LABEL"], degrees, length)


@app.local_entrypoint()
def main():
    print(report.remote(7.25))
    try:
        modal.Secret.from_local_environ(["NOBODY_SETS_THIS"])
    except modal.exception.InvalidError as error:
        print("refused:", error)


# prints:
# north shore/metric: 7.2 (key of 17)
# refused: The environment has no NOBODY_SETS_THIS, of which a secret is made.
