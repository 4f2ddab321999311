"""A long job is started, its id is noted down, and somebody asks now and then."""

import time

import burrow as modal

app = modal.App("polling-a-job")


@app.function(timeout=600)
def train(epochs: int) -> dict:
    for epoch in range(epochs):
        time.sleep(0.2)
        print("epoch", epoch)
    return {"epochs": epochs, "call": modal.current_call_id(), "local": modal.is_local()}


@app.local_entrypoint()
def main():
    noted = train.spawn(4).object_id
    job = modal.FunctionCall.from_id(noted)
    polls = 0
    while True:
        try:
            outcome = job.get(timeout=0)
            break
        except TimeoutError:
            polls += 1
            time.sleep(0.05)
    print(outcome["epochs"], outcome["call"] == noted, outcome["local"], polls > 0)
    print(modal.FunctionCall.from_id(noted).get(timeout=0)["epochs"])
    try:
        modal.FunctionCall.from_id("fc-" + "a" * 26).get(timeout=0)
    except modal.exception.OutputExpiredError:
        print("expired")
    except TimeoutError:
        print("not yet")


# prints:
# 4 True False True
# 4
# expired
# prints remotely:
# epoch 0
# epoch 1
# epoch 2
# epoch 3
