"""Counts the k-mers of a genome: every substring of k bases, each together with its reverse complement.

The genome is a FASTA file; without one the program writes a random genome of a few megabases, with a motif hidden in it
many times, and finds that motif. Pieces of the file are counted side by side and the counts are added up here.

    burrow run examples/kmers.py --k 9
    burrow run examples/kmers.py --fasta genome.fa
"""

import random
import tempfile
import zlib
from pathlib import Path
from typing import Dict, Iterator, List, Tuple

import burrow

image = burrow.Image.debian_slim().apt_install("python3-numpy")
app = burrow.App("kmers", image=image)

BASES = "ACGT"
MOTIF = "TTAGGGTTAGGG"  # the end of our chromosomes, in a way
PIECE = 500_000  # bases in one call


@app.function(max_containers=4, cpu=1, memory=1024)
def count(piece: str, k: int) -> bytes:
    """How often each k-mer occurs: 4**k little-endian numbers of 32 bits, in order, compressed."""
    import numpy as np

    codes = np.full(256, -1, dtype=np.int64)
    for code, base in enumerate(BASES):
        codes[[ord(base), ord(base.lower())]] = code
    digits = codes[np.frombuffer(piece.encode(), dtype=np.uint8)]
    windows = np.lib.stride_tricks.sliding_window_view(digits, k)
    windows = windows[(windows >= 0).all(axis=1)]  # without N and what else is no base
    places = 4 ** np.arange(k - 1, -1, -1, dtype=np.int64)
    forward = windows @ places
    backward = (3 - windows) @ places[::-1]
    counts = np.bincount(np.minimum(forward, backward), minlength=4**k).astype("<u4")
    print(f"{len(windows)} {k}-mers")
    return zlib.compress(counts.tobytes(), 1)


@app.local_entrypoint()
def main(fasta: str = "", k: int = 9, megabases: float = 4.0, top: int = 5) -> None:
    if not 1 <= k <= 12:
        raise SystemExit("k must be between 1 and 12")
    with tempfile.TemporaryDirectory() as directory:
        path = Path(fasta) if fasta else random_genome(Path(directory), int(megabases * 1e6))
        print(f"counting {k}-mers of {path.name}, {path.stat().st_size / 1e6:.1f} MB")
        counted = count.starmap((piece, k) for piece in pieces(path, k))
        totals = add_up(counted)
    print(f"{sum(totals.values())} {k}-mers, {len(totals)} different")
    for number, times in sorted(totals.items(), key=lambda one: (-one[1], one[0]))[:top]:
        print(f"{spelled(number, k)} {times}")


def pieces(path: Path, k: int) -> Iterator[str]:
    """The sequences in pieces that overlap by k - 1 bases, so that no k-mer is lost or counted twice."""
    for sequence in sequences(path):
        for start in range(0, max(len(sequence) - k + 1, 0), PIECE):
            yield sequence[start : start + PIECE + k - 1]


def sequences(path: Path) -> Iterator[str]:
    lines: List[str] = []
    with open(path, encoding="ascii") as file:
        for line in file:
            if line.startswith(">"):
                yield "".join(lines)
                lines = []
            else:
                lines.append(line.strip())
    yield "".join(lines)


def add_up(counted: Iterator[bytes]) -> Dict[int, int]:
    totals: Dict[int, int] = {}
    for compressed in counted:
        for number, times in enumerate(memoryview(zlib.decompress(compressed)).cast("I")):
            if times:
                totals[number] = totals.get(number, 0) + times
    return totals


def spelled(number: int, k: int) -> str:
    return "".join(BASES[number >> 2 * place & 3] for place in range(k - 1, -1, -1))


def random_genome(directory: Path, bases: int) -> Path:
    """A FASTA file of three chromosomes with the motif in one place of every 2,000."""
    generator = random.Random(2718)
    path = directory / "genome.fa"
    with open(path, "w", encoding="ascii") as file:
        for number, share in enumerate((0.5, 0.3, 0.2), 1):
            file.write(f">chromosome {number}\n")
            for line in chromosome(generator, int(bases * share)):
                file.write(line + "\n")
    return path


def chromosome(generator: random.Random, bases: int) -> Iterator[str]:
    for start in range(0, bases, 2000):
        block = "".join(generator.choices(BASES, k=min(2000, bases - start)))
        text: Tuple[str, ...] = (block[: -len(MOTIF)], MOTIF) if len(block) == 2000 else (block,)
        whole = "".join(text)
        for at in range(0, len(whole), 80):
            yield whole[at : at + 80]
