"""Whatever happens to the way to the blobs, a reader gets the right bytes or, after the deadline, EIO; and never hangs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import count
from pathlib import Path
from typing import Iterator, List

import pytest

from bad_network import BadNetwork
from conftest import require
from processes import Control, Mounted, Reader, sha256
from rootfs import COLD_FILES, cold_file, large_file

DEADLINE_MS = 2_000
ENOUGH_S = 30.0  # for anything that ends by itself


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


@pytest.fixture(scope="session")
def cold(tier: str, control: Control, index: str, work: Path) -> Iterator[Cold]:
    require(tier)
    network = BadNetwork(control.url)
    mounted = Mounted(
        work / ("failures-" + tier), network.url, control.worker_token, index, tier, DEADLINE_MS
    )
    mounted.start()
    yield Cold(mounted, network)
    network.close()
    mounted.stop()


@pytest.fixture(autouse=True)
def healed(request: pytest.FixtureRequest, control: Control) -> Iterator[None]:
    yield
    control.set_fault("")
    if "cold" in request.fixturenames:
        request.getfixturevalue("cold").network.heal()


def one(path: Path, within_s: float = ENOUGH_S) -> str:
    return Reader(path).outcomes(within_s)[0]


def test_a_server_that_comes_back_is_waited_for(cold: Cold) -> None:
    path, content = cold.small()
    cold.network.down()
    reader = Reader(path)
    time.sleep(0.3)  # long enough for an attempt to fail; a reader that is late finds the server up
    cold.network.up()
    assert reader.outcomes(ENOUGH_S) == [content]


def test_a_server_that_stays_away_is_an_error_at_the_deadline(cold: Cold) -> None:
    path, content = cold.small()
    cold.network.down()
    reader = Reader(path, path)
    assert reader.outcomes(ENOUGH_S) == ["EIO", "EIO"]
    assert reader.seconds[0] >= DEADLINE_MS / 1000 * 0.5
    cold.network.up()
    assert one(path) == content


@pytest.mark.parametrize("fault", ["truncate", "reset", "corrupt", "stall", 404, 500, 503])
def test_nothing_wrong_is_served_and_the_file_is_there_once_the_fault_is_gone(
    cold: Cold, fault: "str | int"
) -> None:
    (small, small_content), (large, large_content) = cold.small(), cold.small()
    cold.network.fail(fault)
    reader = Reader(small, large)
    assert reader.outcomes(ENOUGH_S) == ["EIO", "EIO"]
    assert cold.network.failed > 0
    cold.network.heal()
    assert [one(small), one(large)] == [small_content, large_content]


@pytest.mark.parametrize("fault", ["truncate", "reset", 500, 503, "trickle"])
def test_a_passing_fault_is_not_noticed(cold: Cold, fault: "str | int") -> None:
    path, content = cold.small()
    cold.network.fail(fault, times=2)
    assert one(path) == content
    assert cold.network.failed > 0


@pytest.mark.parametrize("fault", ["truncate", "reset", "corrupt", "stall"])
def test_a_large_file_that_breaks_off_is_whole_in_the_end(cold: Cold, fault: str) -> None:
    path, content = cold.large()
    cold.network.fail(fault, times=2)
    reader = Reader(path)
    cold.network.wait_for_failure()
    outcome = reader.outcomes(ENOUGH_S)[0]
    assert outcome in (content, "EIO")
    cold.network.heal()
    assert one(path) == content


def test_a_slow_server_is_only_slow(cold: Cold, control: Control) -> None:
    control.set_fault("delay:300")
    path, content = cold.small()
    reader = Reader(path)
    assert reader.outcomes(ENOUGH_S) == [content]
    assert reader.seconds[0] >= 0.3


def test_the_servers_own_errors_are_waited_out(cold: Cold, control: Control) -> None:
    control.set_fault("status:503")
    path, content = cold.small()
    assert one(path) == "EIO"
    control.set_fault("")
    assert one(path) == content


def test_a_reader_that_waits_can_be_killed(cold: Cold) -> None:
    path, content = cold.small()
    cold.network.fail("stall")
    process = subprocess.Popen([sys.executable, "-c", "open(%r, 'rb').read()" % str(path)])
    cold.network.wait_for_failure()
    process.kill()
    process.wait(ENOUGH_S)  # at the latest when the deadline has come
    cold.network.heal()
    assert one(path) == content


def test_many_readers_go_on_when_the_file_server_is_killed(cold: Cold, control: Control) -> None:
    files = [cold.small() for _ in range(60)]
    control.set_fault("delay:20")
    before = cold.mounted.server_pid()
    readers = [Reader(*(path for path, _ in files[n::3])) for n in range(3)]
    kill_when_some_are_read(cold, files)
    for n, reader in enumerate(readers):
        assert reader.outcomes(60) == [content for _, content in files[n::3]]
    assert cold.mounted.server_pid() != before


def kill_when_some_are_read(cold: Cold, files: "List[tuple[Path, str]]") -> None:
    """Kills the server three times while the files are read."""
    for _ in range(3):
        time.sleep(0.2)  # somewhere in the middle of it, not at a known point
        try:
            os.kill(cold.mounted.server_pid(), signal.SIGKILL)
        except (ProcessLookupError, AssertionError):
            pass  # killed a moment ago and not yet there again


def test_a_full_disk_is_no_error(
    tier: str, control: Control, index: str, work: Path, request: pytest.FixtureRequest
) -> None:
    require(tier)
    mounted = Mounted(
        work / ("full-" + tier), control.url, control.worker_token, index, tier, DEADLINE_MS
    )
    mounted.cache.mkdir(parents=True)
    size = "size=12m"  # less than the files that are read
    subprocess.run(
        ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(mounted.cache)], check=True, timeout=30
    )
    try:
        mounted.start()
        paths = [mounted.root / "cold" / ("large-%d" % number) for number in (3, 4, 5)]
        paths += [mounted.root / "cold" / str(number) for number in range(50)]
        expected = [sha256(large_file(number)) for number in (3, 4, 5)]
        expected += [sha256(cold_file(number)) for number in range(50)]
        assert Reader(*paths).outcomes(60) == expected
        mounted.stop()
    finally:
        subprocess.run(["umount", "--lazy", str(mounted.cache)], check=True, timeout=30)


def test_after_a_crash_the_next_one_serves_the_same_state(
    tier: str, control: Control, index: str, work: Path
) -> None:
    """What a killed worker left: its mounts do not block readers for ever, nor its successor."""
    require(tier)
    mounted = Mounted(
        work / ("crash-" + tier), control.url, control.worker_token, index, tier, DEADLINE_MS
    )
    mounted.start()
    warm, cold = mounted.root / "cold" / "1", mounted.root / "cold" / "2"
    assert one(warm) == sha256(cold_file(1))
    assert mounted.process is not None
    mounted.process.kill()
    mounted.process.wait(ENOUGH_S)
    outcomes = Reader(warm, cold).outcomes(ENOUGH_S)
    assert outcomes[0] in (sha256(cold_file(1)), "EIO", "ENOTCONN", "ECONNABORTED")
    assert outcomes[1] in (sha256(cold_file(2)), "EIO", "ENOTCONN", "ECONNABORTED")
    mounted.clean()
    mounted.start()
    assert Reader(warm, cold).outcomes(ENOUGH_S) == [sha256(cold_file(n)) for n in (1, 2)]
    mounted.stop()


def test_a_name_that_does_not_resolve_is_one_sentence(
    tier: str, control: Control, index: str, work: Path
) -> None:
    require(tier)
    mounted = Mounted(
        work / ("name-" + tier), "http://blobs.invalid:80", control.worker_token, index, tier, 500
    )
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
    require(tier)
    network = BadNetwork(control.url)
    hosts = work / ("hosts-" + tier)
    hosts.write_text("127.0.0.1 localhost\n")
    script = 'mount --bind "$0" /etc/hosts && exec "$@"'
    mounted = Mounted(
        work / ("lookup-" + tier),
        network.url_of("blobs.invalid"),
        control.worker_token,
        index,
        tier,
        20_000,
        prefix=["unshare", "--mount", "sh", "-c", script, str(hosts)],
    )
    starting = subprocess.Popen(["sleep", "0.7"])  # some attempts fail
    try:
        from threading import Thread

        def resolve() -> None:
            starting.wait()
            with open(hosts, "a", encoding="utf-8") as file:
                file.write("127.0.0.1 blobs.invalid\n")

        thread = Thread(target=resolve)
        thread.start()
        mounted.start()
        thread.join()
        inside = ["nsenter", "--mount=/proc/%d/ns/mnt" % mounted.process.pid]  # type: ignore
        path = mounted.root / "cold" / "3"
        assert Reader(path, prefix=inside).outcomes(ENOUGH_S) == [sha256(cold_file(3))]
        mounted.stop()
    finally:
        network.close()
