"""Map and reduce."""

from collections import Counter

import burrow as modal

app = modal.App("word-count")
TEXTS = ["the quick fox", "the lazy dog", "the fox and the dog"]


@app.function()
def count(text: str) -> Counter:
    return Counter(text.split())


@app.local_entrypoint()
def main():
    total = sum(count.map(TEXTS), Counter())
    for word, number in sorted(total.items(), key=lambda item: (-item[1], item[0])):
        print(word, number)


# prints:
# the 4
# dog 2
# fox 2
# and 1
# lazy 1
# quick 1
