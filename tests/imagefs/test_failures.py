"""Whatever happens to the way to the blobs, a reader gets the right bytes or, after the deadline, EIO; and never hangs.

Each fault shows in a counter. `patient` has a deadline that no passing fault reaches, `hasty` one that soon comes.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Dict, Iterator

import pytest

from bad_network import BadNetwork
from conftest import require
from processes import Control, Mounted, Reader, sha256, wait_until
from rootfs import COLD_FILES, cold_file, large_file

HASTY_MS = 1_000
PATIENT_MS = 60_000
ENOUGH_S = 90.0  # for anything that ends by itself


class Cold:
    """The image mounted over a bad network, and files of it that nobody has read yet."""

    def __init__(self, mounted: Mounted, network: BadNetwork) -> None:
        self.mounted, self.network = mounted, network
        self._small, self._large = iter(range(COLD_FILES)), count()

    def small(self) -> "tuple[Path, str]":
        """A file that was never read, and the SHA-256 of its content."""
        number = next(self._small)
        return self.mounted.root / "cold" / str(number), sha256(cold_file(number))

    def large(self) -> "tuple[Path, str]":
        """The same, large enough to come in frames."""
        number = next(self._large)
        return self.mounted.root / "cold" / ("large-%d" % number), sha256(large_file(number))

    @contextmanager
    def counting(self) -> "Iterator[Dict[str, int]]":
        """By how much each counter grew in the `with` block, once that has ended."""
        before = self.mounted.counters()
        grown: "Dict[str, int]" = {}
        yield grown
        for name, value in self.mounted.counters().items():
            grown[name] = value - before[name]

    def wait_for_more(self, counter: str, than: int = 0) -> None:
        """Until a counter has grown by more than that."""
        before = self.mounted.counters()[counter]
        wait_until(lambda: self.mounted.counters()[counter] > before + than, counter + " grow")


class Colds:
    """The mounts of the session, each made once: one that is made again knows files already."""

    def __init__(self, control: Control, index: str, work: Path) -> None:
        self._control, self._index, self._work = control, index, work
        self._made: "Dict[str, Cold]" = {}

    def get(self, tier: str, deadline_ms: int) -> Cold:
        require(tier)
        name = "failures-%s-%d" % (tier, deadline_ms)
        if name not in self._made:
            network, token = BadNetwork(self._control.url), self._control.worker_token
            directory = self._work / name
            mounted = Mounted(directory, network.url, token, self._index, tier, deadline_ms)
            mounted.start()
            self._made[name] = Cold(mounted, network)
        return self._made[name]

    def heal(self) -> None:
        for cold in self._made.values():
            cold.network.heal()

    def close(self) -> None:
        for cold in self._made.values():
            cold.network.close()
            cold.mounted.stop()


@pytest.fixture(scope="session")
def colds(control: Control, index: str, work: Path) -> Iterator[Colds]:
    colds = Colds(control, index, work)
    yield colds
    colds.close()


@pytest.fixture
def patient(tier: str, colds: Colds) -> Cold:
    return colds.get(tier, PATIENT_MS)


@pytest.fixture
def hasty(tier: str, colds: Colds) -> Cold:
    return colds.get(tier, HASTY_MS)


@pytest.fixture(autouse=True)
def healed(control: Control, colds: Colds) -> Iterator[None]:
    yield
    control.set_fault("")
    colds.heal()


def one(path: Path, within_s: float = ENOUGH_S) -> str:
    return Reader(path).outcomes(within_s)[0]


def test_a_server_that_comes_back_is_waited_for(patient: Cold) -> None:
    path, content = patient.small()
    with patient.counting() as grown:
        patient.network.down()
        reader = Reader(path)
        patient.wait_for_more("retries")
        patient.network.up()
        assert reader.outcomes(ENOUGH_S) == [content]
    assert grown["retries"] > 0
    assert (grown["failed_fetches"], grown["failed_reads"]) == (0, 0)


def test_a_server_that_stays_away_is_an_error_at_the_deadline(hasty: Cold) -> None:
    path, content = hasty.small()
    with hasty.counting() as grown:
        hasty.network.down()
        reader = Reader(path, path)
        assert reader.outcomes(ENOUGH_S) == ["EIO", "EIO"]
    assert reader.seconds[0] >= HASTY_MS / 1000
    assert grown["retries"] > 0
    assert grown["failed_fetches"] >= 2 and grown["failed_reads"] >= 2
    hasty.network.up()
    assert one(path) == content


@pytest.mark.parametrize("fault", ["truncate", "reset", "corrupt", "stall", "drip", 404, 500, 503])
def test_nothing_wrong_is_served_and_the_file_is_there_once_the_fault_is_gone(
    hasty: Cold, fault: "str | int"
) -> None:
    (small, small_content), (large, large_content) = hasty.small(), hasty.large()
    with hasty.counting() as grown:
        hasty.network.fail(fault)
        readers = Reader(small), Reader(large)
        assert [reader.outcomes(ENOUGH_S) for reader in readers] == [["EIO"], ["EIO"]]
    assert hasty.network.failed > 0
    # Of these one attempt lasts until the deadline.
    assert grown["retries"] > 0 or fault in ("stall", "drip")
    assert grown["failed_fetches"] >= 2 and grown["failed_reads"] >= 2
    assert (grown["damaged_bytes"] > 0) == (fault == "corrupt")
    hasty.network.heal()
    assert [one(small), one(large)] == [small_content, large_content]


@pytest.mark.parametrize("fault", ["truncate", "reset", "corrupt", 404, 500, 503, "trickle"])
@pytest.mark.parametrize("kind", ["small", "large"])
def test_a_passing_fault_is_not_noticed(patient: Cold, kind: str, fault: "str | int") -> None:
    path, content = getattr(patient, kind)()
    with patient.counting() as grown:
        patient.network.fail(fault, times=2)
        assert one(path) == content
    assert patient.network.failed > 0
    assert (grown["retries"] > 0) == (fault != "trickle")
    assert (grown["damaged_bytes"] > 0) == (fault == "corrupt")
    assert (grown["failed_fetches"], grown["failed_reads"]) == (0, 0)


@pytest.mark.parametrize("kind", ["small", "large"])
def test_a_slow_server_is_only_slow(patient: Cold, control: Control, kind: str) -> None:
    control.set_fault("delay:1100")
    path, content = getattr(patient, kind)()
    with patient.counting() as grown:
        reader = Reader(path)
        assert reader.outcomes(ENOUGH_S) == [content]
    assert reader.seconds[0] >= 1.1
    assert grown["slow_fetches"] >= 1
    assert (grown["retries"], grown["failed_reads"]) == (0, 0)
    assert kind == "large" or (grown["misses"], grown["slow_fetches"]) == (1, 1)


def test_the_servers_own_errors_are_waited_out(patient: Cold, control: Control) -> None:
    control.set_fault("status:503")
    path, content = patient.small()
    with patient.counting() as grown:
        reader = Reader(path)
        patient.wait_for_more("retries", than=1)
        control.set_fault("")
        assert reader.outcomes(ENOUGH_S) == [content]
    assert grown["retries"] > 1


def test_a_reader_that_waits_can_be_killed(hasty: Cold) -> None:
    path, content = hasty.small()
    with hasty.counting() as grown:
        hasty.network.fail("stall")
        process = subprocess.Popen([sys.executable, "-c", "open(%r, 'rb').read()" % str(path)])
        hasty.network.wait_for_failure()
        process.kill()
        process.wait(ENOUGH_S)  # at the latest when the deadline has come
    assert grown["misses"] >= 1
    hasty.network.heal()
    assert one(path) == content


def test_many_readers_go_on_when_the_file_server_is_killed(patient: Cold, control: Control) -> None:
    kills = 3
    files = [patient.small() for _ in range(100)]
    control.set_fault("delay:20")
    with patient.counting() as grown:
        readers = [Reader(*(path for path, _ in files[n::3])) for n in range(3)]
        for _ in range(kills):
            patient.wait_for_more("misses", than=5)
            killed = patient.mounted.server_pid()
            os.kill(killed, signal.SIGKILL)
            wait_until(
                lambda: patient.mounted.counters()["imagefs_pid"] not in (-1, killed),
                "another imagefs serves",
            )
        for n, reader in enumerate(readers):
            assert reader.outcomes(ENOUGH_S) == [content for _, content in files[n::3]]
    assert grown["restarts"] == kills
    assert (grown["failed_fetches"], grown["failed_reads"]) == (0, 0)


def test_a_full_disk_is_no_error(tier: str, control: Control, index: str, work: Path) -> None:
    require(tier)
    directory = work / ("full-" + tier)
    mounted = Mounted(directory, control.url, control.worker_token, index, tier, PATIENT_MS)
    mounted.cache.mkdir(parents=True)
    size = "size=8m"  # less than the files that are read
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(mounted.cache)], check=True, timeout=30
    )
    try:
        mounted.start()
        paths = [mounted.root / "cold" / ("large-%d" % number) for number in (3, 4, 5)]
        paths += [mounted.root / "cold" / str(number) for number in range(50)]
        expected = [sha256(large_file(number)) for number in (3, 4, 5)]
        expected += [sha256(cold_file(number)) for number in range(50)]
        assert Reader(*paths).outcomes(ENOUGH_S) == expected
        counters = mounted.counters()
        assert counters["uncached_bytes"] > 0
        assert (counters["failed_fetches"], counters["failed_reads"]) == (0, 0)
        mounted.stop()
    finally:
        mounted.clean()
        subprocess.run(["umount", "--lazy", str(mounted.cache)], check=False, timeout=30)


def test_after_a_crash_the_next_one_serves_the_same_state(
    tier: str, control: Control, index: str, work: Path
) -> None:
    """What a killed worker left: its mounts do not block readers for ever, nor its successor."""
    require(tier)
    directory = work / ("crash-" + tier)
    mounted = Mounted(directory, control.url, control.worker_token, index, tier, HASTY_MS)
    mounted.start()
    warm, cold = mounted.root / "cold" / "1", mounted.root / "cold" / "2"
    assert one(warm) == sha256(cold_file(1))
    numbers = [os.lstat(path).st_ino for path in (warm, cold)]
    assert mounted.process is not None
    mounted.process.kill()
    mounted.process.wait(ENOUGH_S)
    outcomes = Reader(warm, cold).outcomes(ENOUGH_S)
    assert outcomes[0] in (sha256(cold_file(1)), "EIO", "ENOTCONN", "ECONNABORTED")
    assert outcomes[1] in (sha256(cold_file(2)), "EIO", "ENOTCONN", "ECONNABORTED")
    mounted.clean()
    mounted.start()
    before = mounted.counters()["misses"]
    assert one(warm) == sha256(cold_file(1))
    assert mounted.counters()["misses"] == before, "the cache did not survive"
    assert one(cold) == sha256(cold_file(2))
    assert mounted.counters()["misses"] == before + 1
    assert [os.lstat(path).st_ino for path in (warm, cold)] == numbers
    mounted.stop()


def test_a_name_that_does_not_resolve_is_one_sentence(
    tier: str, control: Control, index: str, work: Path
) -> None:
    require(tier)
    directory, url = work / ("name-" + tier), "http://blobs.invalid:80"
    mounted = Mounted(directory, url, control.worker_token, index, tier, 500)
    done = subprocess.run(
        mounted.command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=ENOUGH_S,
        check=False,
    )
    assert done.returncode == 1
    error = done.stderr.decode().splitlines()[-1]
    assert error.startswith("burrowd: ") and "resolve" in error, error


def test_a_name_is_looked_up_again(tier: str, control: Control, index: str, work: Path) -> None:
    """It resolves while the image is mounted, then not, then again."""
    require(tier)
    network = BadNetwork(control.url)
    hosts, name = work / ("hosts-" + tier), "127.0.0.1 blobs.invalid\n"
    hosts.write_text(name)
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    mounted = Mounted(
        work / ("lookup-" + tier),
        network.url_of("blobs.invalid"),
        control.worker_token,
        index,
        tier,
        PATIENT_MS,
        prefix=["unshare", "--mount", "sh", "-c", script, str(hosts)],
    )
    try:
        mounted.start()
        assert mounted.process is not None
        hosts.write_text("127.0.0.1 localhost\n")
        network.cut()
        inside = ["nsenter", "--mount=/proc/%d/ns/mnt" % mounted.process.pid]
        reader = Reader(mounted.root / "cold" / "3", prefix=inside)
        wait_until(lambda: mounted.counters()["retries"] > 0, "a lookup fails")
        hosts.write_text(name)
        assert reader.outcomes(ENOUGH_S) == [sha256(cold_file(3))]
        assert mounted.counters()["failed_reads"] == 0
        mounted.stop()
    finally:
        network.close()
