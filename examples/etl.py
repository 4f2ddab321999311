"""Extracts, transforms and loads: raw order files become a clean SQLite database with a daily summary.

Each file is cleaned by pandas in a container of its own: duplicates go, currencies become one, what cannot be right is
counted and left out. The rows are loaded here in one transaction, so that a second run changes nothing.

    burrow run examples/etl.py --database orders.db
"""

import csv
import io
import random
import sqlite3
from typing import Any, Dict, Iterator, List

import burrow

image = burrow.Image.debian_slim().apt_install("python3-pandas")
app = burrow.App("etl", image=image)

EUROS = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17}
COLUMNS = ("order_id", "day", "customer", "currency", "amount")


@app.function(max_containers=3, cpu=1, memory=1024, retries=1)
def clean(name: str, raw: str) -> Dict[str, Any]:
    """One file's good rows as (order, day, customer, euros), and how many were bad, by reason."""
    import pandas as pd

    orders = pd.read_csv(io.StringIO(raw), dtype=str, keep_default_na=False)
    read = len(orders)
    orders = orders.drop_duplicates("order_id")
    duplicates = read - len(orders)
    orders["day"] = pd.to_datetime(orders["day"], errors="coerce", format="%Y-%m-%d")
    orders["amount"] = pd.to_numeric(orders["amount"], errors="coerce")
    bad = {
        "duplicate": duplicates,
        "day": int(orders["day"].isna().sum()),
        "amount": int((orders["amount"].isna() | (orders["amount"] <= 0)).sum()),
        "currency": int((~orders["currency"].isin(list(EUROS))).sum()),
    }
    good = orders[
        orders["day"].notna() & (orders["amount"] > 0) & orders["currency"].isin(list(EUROS))
    ]
    euros = (good["amount"] * good["currency"].map(EUROS)).round(2)
    rows = zip(good["order_id"], good["day"].dt.strftime("%Y-%m-%d"), good["customer"], euros)
    print(f"{name}: {read} rows, {len(good)} good")
    return {"rows": [list(row) for row in rows], "read": read, "bad": bad}


@app.local_entrypoint()
def main(database: str = "orders.db", files: int = 6, rows: int = 5000) -> None:
    names = [f"orders-{number}.csv" for number in range(files)]
    cleaned = list(clean.starmap((name, raw_orders(name, rows)) for name in names))
    with sqlite3.connect(database) as connection:
        load(connection, cleaned)
        days = summary(connection)
    print(f"read {sum(one['read'] for one in cleaned)} rows of {files} files")
    for reason in ("duplicate", "day", "amount", "currency"):
        print(f"  left out for {reason}: {sum(one['bad'][reason] for one in cleaned)}")
    print(f"{database}: {sum(day[1] for day in days)} orders on {len(days)} days")
    for day, orders, customers, euros in days[:5]:
        print(f"  {day}  {orders:5} orders  {customers:4} customers  {euros:12.2f} EUR")


def load(connection: sqlite3.Connection, cleaned: List[Dict[str, Any]]) -> None:
    connection.executescript(
        "CREATE TABLE IF NOT EXISTS orders(order_id TEXT PRIMARY KEY, day TEXT, customer TEXT, euros REAL);"
        "CREATE INDEX IF NOT EXISTS orders_by_day ON orders(day);"
    )
    for one in cleaned:
        connection.executemany("INSERT OR REPLACE INTO orders VALUES(?, ?, ?, ?)", one["rows"])


def summary(connection: sqlite3.Connection) -> List[Any]:
    return connection.execute(
        "SELECT day, count(*), count(DISTINCT customer), sum(euros) FROM orders GROUP BY day ORDER BY day"
    ).fetchall()


def raw_orders(name: str, rows: int) -> str:
    """A file as a careless shop would write it: some rows twice, some days, amounts and currencies wrong."""
    generator = random.Random(name)
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in order_rows(generator, name, rows):
        writer.writerow(row)
        if generator.random() < 0.02:
            writer.writerow(row)
    return text.getvalue()


def order_rows(generator: random.Random, name: str, rows: int) -> Iterator[List[str]]:
    for number in range(rows):
        day = f"2024-03-{generator.randint(1, 28):02}" if generator.random() > 0.01 else "31/03/24"
        amount = f"{generator.uniform(1, 500):.2f}" if generator.random() > 0.01 else "n/a"
        currency = generator.choice(list(EUROS)) if generator.random() > 0.01 else "XXX"
        yield [f"{name}-{number}", day, f"customer-{generator.randint(1, 900)}", currency, amount]
