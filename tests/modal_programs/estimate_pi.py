"""A sum over many containers' work."""

import random

import burrow as modal

app = modal.App("estimate-pi")


@app.function()
def hits(seed: int, samples: int) -> int:
    source = random.Random(seed)
    return sum(source.random() ** 2 + source.random() ** 2 < 1 for _ in range(samples))


@app.local_entrypoint()
def main(tasks: int = 20, samples: int = 2000):
    total = sum(hits.map(range(tasks), kwargs={"samples": samples}))
    print("pi is about %.1f" % (4 * total / (tasks * samples)))


# prints:
# pi is about 3.1
