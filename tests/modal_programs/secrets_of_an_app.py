"""Secrets of the app, of a function, and of both: later ones win, and env wins over all."""

import os

import burrow as modal

app = modal.App(
    "secrets-of-an-app", secrets=[modal.Secret.from_dict({"TEAM": "tides", "ROLE": "reader"})]
)
writer = modal.Secret.from_dict({"ROLE": "writer", "PIN": "2468", "UNUSED": None})


@app.function()
def who() -> str:
    return "%s/%s" % (os.environ["TEAM"], os.environ["ROLE"])


@app.function(secrets=[writer], env={"PIN": "none"})
def who_writes() -> str:
    return "%s/%s/%s" % (os.environ["TEAM"], os.environ["ROLE"], os.environ["PIN"])


@app.function(secrets=[writer])
def names() -> list:
    return sorted(name for name in ("TEAM", "ROLE", "PIN", "UNUSED") if name in os.environ)


@app.local_entrypoint()
def main():
    print(who.remote())
    print(who_writes.remote())
    print(names.remote())
    print("ROLE" in os.environ, repr(writer))


# prints:
# tides/reader
# tides/writer/none
# ['PIN', 'ROLE', 'TEAM']
# False <burrow.Secret PIN, ROLE>
