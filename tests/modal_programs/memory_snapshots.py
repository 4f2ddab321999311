"""A model is loaded once, and containers start from what that left."""

import burrow as modal

app = modal.App("memory-snapshots")


@app.cls(enable_memory_snapshot=True, single_use_containers=True)
class Embedder:
    @modal.enter(snap=True)
    def load(self):
        self.vocabulary = {word: number for number, word in enumerate(["a", "b", "c"])}
        self.ready = False

    @modal.enter(snap=False)
    def connect(self):
        self.ready = True

    @modal.method()
    def embed(self, text: str) -> list:
        assert self.ready
        return [self.vocabulary[word] for word in text.split()]


@app.function(enable_memory_snapshot=True)
def count(words: list) -> int:
    return len(words)


@app.local_entrypoint()
def main():
    embedder = Embedder()
    for text in ("a b", "c a", "b b c", "c"):
        print(embedder.embed.remote(text))
    print(sum(count.map([["x"], ["y", "z"]])))


# prints:
# [0, 1]
# [2, 0]
# [1, 1, 2]
# [2]
# 3
