"""ADD of archives, and of what servers send, that mean harm."""

from __future__ import annotations

import bz2
import gzip
import http.server
import io
import subprocess
import tarfile
import threading
from pathlib import Path
from typing import Callable, Dict, Iterator, List

import pytest

from burrow_builds import BurrowBuilds
from file_server import FileServer
from leftovers import used_bytes
from sentinel import TEXT, Sentinel

Member = tarfile.TarInfo


@pytest.fixture
def sentinel(tmp_path: Path) -> Iterator[Sentinel]:
    sentinel = Sentinel(tmp_path / "outside")
    yield sentinel
    sentinel.check()


def file(name: str, size: int = 7) -> Member:
    member = Member(name)
    member.size = size
    return member


def link(name: str, target: str, hard: bool = False) -> Member:
    member = Member(name)
    member.type = tarfile.LNKTYPE if hard else tarfile.SYMTYPE
    member.linkname = target
    return member


def directory(name: str, mode: int = 0o755) -> Member:
    member = Member(name)
    member.type, member.mode = tarfile.DIRTYPE, mode
    return member


def archive(members: "List[Member]") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"planted"[: member.size]))
    return out.getvalue()


HOSTILE: "Dict[str, Callable[[Sentinel], List[Member]]]" = {
    "upward": lambda s: [file(s.upward + "/planted")],
    "upward_inside": lambda s: [file("a/../../../../../.." + str(s) + "/planted")],
    "absolute": lambda s: [file(str(s) + "/planted"), file("/" + str(s) + "/secret.txt")],
    "through_a_link": lambda s: [link("l", str(s)), file("l/planted"), file("l/secret.txt")],
    "through_an_upward_link": lambda s: [link("l", s.upward), file("l/planted")],
    "through_a_chain": lambda s: [link("a", "b"), link("b", str(s)), file("a/planted")],
    "through_a_replaced_directory": lambda s: [
        directory("d"),
        file("d/x"),
        link("d", str(s)),
        file("d/planted"),
    ],
    "over_a_link": lambda s: [link("l", str(s) + "/secret.txt"), file("l")],
    "directory_over_a_link": lambda s: [
        link("l", str(s)),
        directory("l", 0o777),
        file("l/planted"),
    ],
    "hard_link_outside": lambda s: [link("h", str(s) + "/secret.txt", hard=True)],
    "hard_link_upward": lambda s: [link("h", s.upward + "/secret.txt", hard=True), file("h")],
    "hard_link_through_a_link": lambda s: [
        link("l", str(s)),
        link("h", "l/secret.txt", hard=True),
        file("h"),
    ],
    "whiteout": lambda s: [link("l", str(s)), file("l/.wh.secret.txt", 0), file(".wh..wh..opq", 0)],
    "nul_and_dots": lambda s: [file("./././x"), file(".."), file("."), file("")],
}


def add(builds: BurrowBuilds, context: Path, sentinel: Sentinel, destination: str) -> "int":
    context.mkdir(exist_ok=True)
    lines = ["FROM burrow-base", "RUN ln -s '%s' /escape" % sentinel]
    lines += ["ADD hostile.tar %s" % destination, "RUN find / -xdev -name planted > /found; true"]
    # Plain files in an image, which no archive can carry: there they would delete others.
    lines += ["RUN find / -xdev -name '.wh.*' -exec rm {} +"]
    (context / "Dockerfile").write_text("\n".join(lines) + "\n")
    done = builds.run("build", str(context))
    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr and TEXT not in done.stdout + done.stderr
    if done.returncode == 0:
        exported = context.parent / ("exported" + destination.replace("/", "-"))
        exported.mkdir()
        sentinel.check_image(builds.exported(done.stdout.splitlines()[-1], exported))
    return done.returncode


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_an_archive_stays_inside(
    builds: BurrowBuilds, sentinel: Sentinel, tmp_path: Path, name: str
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "hostile.tar").write_bytes(archive(HOSTILE[name](sentinel)))
    for destination in ("/in/", "/", "/escape/"):
        add(builds, context, sentinel, destination)


MIB = 1 << 20


def _gzip_bomb() -> bytes:
    """64 GiB of zeros."""
    zeros = gzip.compress(bytes(64 * MIB), 9)
    return gzip.compress(file("bomb", 64 << 30).tobuf(tarfile.GNU_FORMAT)) + zeros * 1024


def _bzip2_bomb() -> bytes:
    """A TiB of zeros in a thousand files."""
    zeros = bz2.compress(bytes(64 * MIB)) * 16
    return b"".join(
        bz2.compress(file("bomb%d" % n, 1 << 30).tobuf(tarfile.GNU_FORMAT)) + zeros
        for n in range(1024)
    )


def _zstd_bomb() -> bytes:
    """64 GiB of zeros."""

    def compress(data: bytes) -> bytes:
        return subprocess.run(["zstd", "-c"], input=data, stdout=subprocess.PIPE, check=True).stdout

    header = file("bomb", 64 << 30).tobuf(tarfile.GNU_FORMAT)
    return compress(header) + compress(bytes(64 * MIB)) * 1024


def _declared_bomb() -> bytes:
    """A header that promises 8 TiB, and nothing behind it."""
    return file("bomb", 8 << 40).tobuf(tarfile.GNU_FORMAT) + bytes(1024)


def _sparse_bomb() -> bytes:
    """A sparse file of 8 TiB without any data, behind a member that shows that this is a tar."""
    member = Member("bomb")
    member.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": "bomb",
        "GNU.sparse.size": str(8 << 40),
        "GNU.sparse.numblocks": "1",
        "GNU.sparse.map": "%d,0" % (8 << 40),
    }
    ordinary = file("ordinary", 0).tobuf(tarfile.PAX_FORMAT)
    return ordinary + member.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


BOMBS = {
    "gzip": _gzip_bomb,
    "bzip2": _bzip2_bomb,
    "zstd": _zstd_bomb,
    "declared": _declared_bomb,
    "sparse": _sparse_bomb,
}


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_bomb_is_refused_and_leaves_nothing(
    builds: BurrowBuilds, tmp_path: Path, name: str
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "hostile.tar").write_bytes(BOMBS[name]())
    (context / "Dockerfile").write_text("FROM burrow-base\nADD hostile.tar /in/\n")
    before = used_bytes(builds.daemon.state)
    said = builds.fail(context)
    assert "hostile.tar" in said, said
    sent = (context / "hostile.tar").stat().st_size
    assert used_bytes(builds.daemon.state) - before < 2 * sent + 64 * MIB
    again = tmp_path / "again"
    again.mkdir()
    (again / "Dockerfile").write_text("FROM burrow-base\nRUN echo still here > /here\n")
    builds.build(again)


class Redirecting:
    """A server whose every answer leads elsewhere."""

    def __init__(self, target: str) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(302)
                self.send_header("Location", target)
                self.send_header("Content-Length", "0")
                self.end_headers()

            do_HEAD = do_GET

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d" % self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.mark.parametrize("scheme", ["file", "gopher", "itself"])
def test_a_redirect_leads_to_no_file_and_ends(
    builds: BurrowBuilds, sentinel: Sentinel, tmp_path: Path, scheme: str
) -> None:
    target = {"file": "file://%s/secret.txt" % sentinel, "gopher": "gopher://127.0.0.1/1"}
    server = Redirecting(target.get(scheme, "/again"))
    try:
        (tmp_path / "Dockerfile").write_text("FROM burrow-base\nADD %s/x /x\n" % server.url)
        assert TEXT not in builds.fail(tmp_path, "-f", str(tmp_path / "Dockerfile"))
    finally:
        server.stop()


@pytest.mark.parametrize("host", ["169.254.169.254", "[fe80::1]", "[::ffff:169.254.169.254]"])
def test_add_does_not_reach_what_a_machine_has_on_its_link(
    builds: BurrowBuilds, tmp_path: Path, host: str
) -> None:
    (tmp_path / "Dockerfile").write_text("FROM burrow-base\nADD http://%s/x /x\n" % host)
    assert "an address of this machine's own, or of its link" in builds.fail(tmp_path)


@pytest.mark.parametrize("url", ["file://{outside}/secret.txt", "ftp://127.0.0.1/x"])
def test_add_takes_no_other_kind_of_url(
    builds: BurrowBuilds, sentinel: Sentinel, tmp_path: Path, url: str
) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (context / "Dockerfile").write_text(
        "FROM burrow-base\nADD %s /x\n" % url.format(outside=sentinel)
    )
    assert TEXT not in builds.fail(context)


def test_a_download_with_another_checksum_is_refused(
    builds: BurrowBuilds, file_server: FileServer, tmp_path: Path
) -> None:
    line = "ADD --checksum=sha256:%s %s/hello.txt /x" % ("0" * 64, file_server.url)
    (tmp_path / "Dockerfile").write_text("FROM burrow-base\n%s\n" % line)
    assert "sha256" in builds.fail(tmp_path)
