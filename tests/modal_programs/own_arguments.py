"""An entrypoint that reads the command line by itself."""

import argparse

import burrow as modal

app = modal.App("own-arguments")


@app.function()
def repeat(word: str, times: int) -> str:
    return " ".join([word] * times)


@app.local_entrypoint()
def main(*words):
    parser = argparse.ArgumentParser()
    parser.add_argument("word")
    parser.add_argument("-n", type=int, default=1)
    given = parser.parse_args(words)
    print(repeat.remote(given.word, given.n))


# given: -n 3 tick
# prints:
# tick tick tick
