"""Sends the server the files that it lacks: large ones each, small ones by packs."""

from __future__ import annotations

from burrow._client.blobs import read_known
from burrow._client.pack import MAX_FRAME, PackWriter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterable

    from burrow._client.blobs import BlobClient
    from burrow._client.files import LocalFile

    # Told of files and bytes that have been sent, and of how many there are in all.
    Progress = Callable[[int, int, int, int], None]

_THREADS = 4
# Fewer small files than this are not worth a pack.
_WORTH_PACKING = 3
_PACK = 4 * 1024 * 1024


def upload(
    files: "Iterable[LocalFile]", blobs: "BlobClient", progress: "Progress | None" = None
) -> "tuple[int, int]":
    """Uploads what the server lacks; returns how many files and bytes travelled.

    Raises:
        InvalidError: a file changed since it was hashed.
    """
    by_digest = {file.digest: file for file in files}
    if not by_digest:
        return 0, 0
    missing = blobs.missing(by_digest)
    lacking = [file for digest, file in by_digest.items() if digest in missing]
    total = sum(file.size for file in lacking)
    if lacking:
        _Sender(blobs, len(lacking), total, progress).send(lacking)
    return len(lacking), total


class _Sender:
    def __init__(
        self, blobs: "BlobClient", files: int, total: int, progress: "Progress | None"
    ) -> None:
        from threading import Lock

        self._blobs = blobs
        self._files = files
        self._total = total
        self._progress = progress
        self._lock = Lock()
        self._sent_files = 0
        self._sent_bytes = 0

    def send(self, lacking: "list[LocalFile]") -> None:
        self._tell(0, 0)
        batches = _batches(lacking) if self._blobs.takes_packs else [[one] for one in lacking]
        if len(batches) == 1:
            return self._send_batch(batches[0])
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(_THREADS) as pool:
            sending = [pool.submit(self._send_batch, batch) for batch in batches]
            try:
                for one in sending:
                    one.result()
            except BaseException:
                for one in sending:
                    one.cancel()
                raise

    def _send_batch(self, batch: "list[LocalFile]") -> None:
        if len(batch) == 1:
            file = batch[0]
            self._blobs.upload_file(file.local, file.digest, file.size)
        else:
            pack = PackWriter()
            for file in batch:
                pack.add(file.digest, read_known(file.local, file.digest))
            self._blobs.upload_pack(pack.finish())
        self._tell(len(batch), sum(file.size for file in batch))

    def _tell(self, files: int, size: int) -> None:
        with self._lock:
            self._sent_files += files
            self._sent_bytes += size
            if self._progress is not None:
                self._progress(self._sent_files, self._files, self._sent_bytes, self._total)


def _batches(files: "list[LocalFile]") -> "list[list[LocalFile]]":
    """Files that travel together; a large one travels alone."""
    small = [file for file in files if 0 < file.size <= MAX_FRAME]
    if len(small) < _WORTH_PACKING:
        return [[file] for file in files]
    batches = [[file] for file in files if not 0 < file.size <= MAX_FRAME]
    batch: "list[LocalFile]" = []
    size = 0
    for file in small:
        if batch and size + file.size > _PACK:
            batches.append(batch)
            batch, size = [], 0
        batch.append(file)
        size += file.size
    batches.append(batch)
    return batches
