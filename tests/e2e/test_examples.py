"""The larger examples do their work, and do it right."""

from __future__ import annotations

import csv
import io
import runpy
import sqlite3
import struct
import zlib
from pathlib import Path
from typing import Any, Dict, List

from daemon import ROOT, Run

EXAMPLES = ROOT / "examples"
DEADLINE_S = 420.0  # the first that needs an image installs packages


def lines_of(burrow: Run, cwd: Path, *arguments: str) -> "list[str]":
    ended = burrow(
        "run", str(EXAMPLES / arguments[0]), *arguments[1:], cwd=cwd, deadline_s=DEADLINE_S
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_the_scraper_finds_every_page_once_and_the_broken_links(
    burrow: Run, tmp_path: Path
) -> None:
    lines = lines_of(burrow, tmp_path, "scraper.py", "--books", "120")
    assert lines[0].startswith("%d pages in " % (1 + 6 + 120))
    prices = {n: 5 + n * 37 % 41 / 2 for n in range(120) if n % 50 != 49}
    cheapest = min(prices, key=lambda n: (prices[n], "/book/%d" % n))
    assert lines[1:] == [
        "%d books, %.2f on average" % (len(prices), sum(prices.values()) / len(prices)),
        "cheapest: Book %d for %.2f" % (cheapest, prices[cheapest]),
        "broken links: /book/49 /book/99",
    ]


def test_the_kmer_counter_counts_each_kmer_of_a_genome_in_pieces(
    burrow: Run, tmp_path: Path
) -> None:
    lines = lines_of(burrow, tmp_path, "kmers.py", "--megabases", "4")
    total = [line for line in lines if line.endswith(" different")][0]
    assert total.startswith("%d 9-mers, " % (4_000_000 - 3 * 8))
    top = dict(line.split() for line in lines[lines.index(total) + 1 :])
    in_motif = ["TTAGGGTTA", "TAGGGTTAG", "AGGGTTAGG", "GGGTTAGGG"]
    assert sum(smaller_strand(kmer) in top for kmer in in_motif) == 4
    assert all(int(top[smaller_strand(kmer)]) >= 2000 for kmer in in_motif)


def smaller_strand(kmer: str) -> str:
    return min(kmer, kmer[::-1].translate(str.maketrans("ACGT", "TGCA")))


def test_kmers_of_a_small_file_are_those_counted_by_hand(burrow: Run, tmp_path: Path) -> None:
    (tmp_path / "small.fa").write_text(">one\nAAAC\nNAAG\n>two\nCTT\n")
    lines = lines_of(burrow, tmp_path, "kmers.py", "--fasta", "small.fa", "--k", "3")
    counted = lines[lines.index("4 3-mers, 3 different") + 1 :]
    assert counted == ["AAG 2", "AAA 1", "AAC 1"]


def test_the_etl_loads_the_good_rows_once_however_often_it_runs(
    burrow: Run, tmp_path: Path
) -> None:
    expected = good_orders(files=3, rows=700)
    for _ in range(2):
        lines = lines_of(burrow, tmp_path, "etl.py", "--files", "3", "--rows", "700")
        assert "orders.db: %d orders on 28 days" % len(expected) in lines
    with sqlite3.connect(str(tmp_path / "orders.db")) as connection:
        loaded = dict(connection.execute("SELECT order_id, euros FROM orders"))
    assert loaded.keys() == expected.keys()
    assert all(abs(loaded[order] - euros) < 0.011 for order, euros in expected.items())


def good_orders(files: int, rows: int) -> "Dict[str, float]":
    """The same cleaning without pandas."""
    example: "Dict[str, Any]" = runpy.run_path(str(EXAMPLES / "etl.py"))
    good: "Dict[str, float]" = {}
    for number in range(files):
        raw = example["raw_orders"]("orders-%d.csv" % number, rows)
        for row in csv.DictReader(io.StringIO(raw)):
            if row["day"].startswith("2024-") and row["currency"] in example["EUROS"]:
                if row["amount"] != "n/a":
                    euros = float(row["amount"]) * example["EUROS"][row["currency"]]
                    good[row["order_id"]] = round(euros, 2)
    return good


def test_the_search_finds_a_good_model_and_draws_all_scores(burrow: Run, tmp_path: Path) -> None:
    lines = lines_of(burrow, tmp_path, "search.py", "--digits", "600")
    found = [line for line in lines if line.startswith("20 pairs; best accuracy ")]
    assert len(found) == 1 and float(found[0].split()[4]) > 0.9
    width, height, colours = read_png((tmp_path / "search.png").read_bytes())
    assert (width, height) == (840, 600) and colours > 50


def read_png(data: bytes) -> "tuple[int, int, int]":
    """Width, height, and how many different 4-byte pixels the decompressed rows hold, roughly."""
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", data[16:24])
    chunks: "List[bytes]" = []
    at = 8
    while at < len(data):
        (size,) = struct.unpack(">I", data[at : at + 4])
        if data[at + 4 : at + 8] == b"IDAT":
            chunks.append(data[at + 8 : at + 8 + size])
        at += 12 + size
    rows = zlib.decompress(b"".join(chunks))
    return width, height, len({rows[i : i + 4] for i in range(0, len(rows), 4)})
