"""A map of no-ops by dask.distributed on this machine: prints inputs a second."""

from __future__ import annotations

import os
import sys
import time


def noop(_value: int) -> None:
    """Ends at once."""


def main() -> None:
    from dask.distributed import Client, LocalCluster  # type: ignore[import]

    inputs = int(sys.argv[1])
    cores = os.cpu_count() or 1
    with LocalCluster(
        n_workers=cores, threads_per_worker=1, dashboard_address=None
    ) as cluster, Client(cluster) as client:
        client.gather(client.map(noop, range(-inputs // 50, 0), pure=False))
        start = time.perf_counter()
        outputs = client.gather(client.map(noop, range(inputs), pure=False))
        seconds = time.perf_counter() - start
    if len(outputs) != inputs:
        sys.exit("%d outputs of %d inputs" % (len(outputs), inputs))
    print(inputs / seconds)


if __name__ == "__main__":
    main()
