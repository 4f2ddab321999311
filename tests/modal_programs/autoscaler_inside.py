"""A function, such as one that a schedule calls in the morning, warms another before it is needed."""

import time

import burrow as modal

app = modal.App("autoscaler-inside")


@app.function(cpu=0.1, memory=64, scaledown_window=2)
def serve(x: int) -> int:
    return x + 1


@app.cls(cpu=0.1, memory=64, scaledown_window=2)
class Model:
    size: int = modal.parameter(default=1)

    @modal.method()
    def double(self) -> int:
        return 2 * self.size


def runners(scaled, wanted: int) -> bool:
    for _ in range(600):
        if scaled.get_current_stats().num_total_runners == wanted:
            return True
        time.sleep(0.1)
    return False


@app.function(schedule=modal.Cron("0 7 * * *"), cpu=0.1, memory=64)
def warm_up() -> list:
    model = Model(size=3)
    serve.update_autoscaler(min_containers=1)
    model.update_autoscaler(min_containers=1)
    warmed = [runners(serve, 1), runners(model, 1)]
    serve.update_autoscaler(min_containers=0)
    model.update_autoscaler(min_containers=0)
    return warmed + [runners(serve, 0), runners(model, 0)]


@app.local_entrypoint()
def main():
    print(warm_up.remote())
    print(serve.remote(1), Model(size=3).double.remote())


# prints:
# [True, True, True, True]
# 2 6
