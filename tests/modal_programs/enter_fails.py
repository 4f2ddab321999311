"""What enter raises is what the callers get."""

import burrow as modal

app = modal.App("enter-fails")


@app.cls()
class Model:
    @modal.enter()
    def load(self):
        raise OSError("no such model")

    @modal.method()
    def predict(self, x):
        return x


@app.local_entrypoint()
def main():
    Model().predict.remote(1)


# exits: 1
# complains: raise OSError("no such model")
# complains: Model.load()
# complains: ImportFailedError
