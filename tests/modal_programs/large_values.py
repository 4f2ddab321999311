"""Arguments and results of several MiB, alone, in maps, spawned, and yielded."""

import hashlib

import burrow as modal

app = modal.App("large-values")
MIB = 1 << 20


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


@app.function()
def turn(data: bytes) -> bytes:
    return data[::-1]


@app.function()
def measure(data: bytes, scale: int = 1) -> tuple:
    return digest(data), len(data) * scale


@app.function()
def chunks(data: bytes, size: int):
    for at in range(0, len(data), size):
        yield data[at : at + size]


@app.local_entrypoint()
def main():
    data = bytes(range(256)) * (2 * MIB // 256) + b"end"
    print(len(turn.remote(data)), turn.remote(data) == data[::-1])
    print(measure.remote(data) == (digest(data), len(data)))
    sizes = [size for _, size in measure.map([data, b"x", data], kwargs={"scale": 2})]
    print(sizes == [2 * len(data), 2, 2 * len(data)])
    call = turn.spawn(data)
    print(digest(call.get(timeout=60)) == digest(data[::-1]))
    parts = list(chunks.remote_gen(data, MIB + MIB // 2))
    print([len(part) for part in parts], b"".join(parts) == data)


# prints:
# 2097155 True
# True
# True
# True
# [1572864, 524291] True
