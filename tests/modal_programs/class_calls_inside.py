"""Classes are called from functions and from their own methods."""

import burrow as modal

app = modal.App("class-calls-inside")


@app.cls()
class Tokenizer:
    separator: str = modal.parameter(default=" ")

    @modal.method()
    def split(self, text: str) -> list:
        return text.split(self.separator)

    @modal.method()
    def split_all(self, texts: list) -> list:
        return list(self.split.map(texts))


@app.function()
def count_words(text: str) -> int:
    return len(Tokenizer().split.remote(text))


@app.function()
def pipeline(texts: list) -> dict:
    return {
        "words": list(count_words.map(texts)),
        "parts": Tokenizer(separator=",").split_all.remote(texts),
    }


@app.local_entrypoint()
def main():
    print(pipeline.remote(["a b,c", "d"]))


# prints:
# {'words': [2, 1], 'parts': [['a b', 'c'], ['d']]}
