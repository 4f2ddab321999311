"""Functions and classes sent by value."""

import burrow as modal

app = modal.App("serialized")


def make(factor):
    @app.function(serialized=True, name="scaled")
    def scaled(x):
        return factor * x

    @app.cls(serialized=True, name="Scaler")
    class Scaler:
        offset: int = modal.parameter(default=1)

        @modal.enter()
        def start(self):
            self.calls = 0

        @modal.method()
        def scale(self, x):
            self.calls += 1
            return factor * x + self.offset

    return scaled, Scaler


scaled, Scaler = make(3)


@app.local_entrypoint()
def main():
    print(scaled.remote(4))
    print(Scaler().scale.remote(4), Scaler(offset=100).scale.remote(4))


# prints:
# 12
# 13 112
