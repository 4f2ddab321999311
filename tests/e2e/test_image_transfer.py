"""Images come in from archives and registries as they are, and go out again."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Dict, Iterator

import pytest

from daemon import BURROWD, Daemon, Run, wait_until
from real_images import PACKAGES, TOOLS, differences, make_image, run, unpack, walk
from registries import DockerRegistry, FaultyRegistry

Image = Dict[str, Path]


def needs(*tools: str) -> None:
    missing = [tool for tool in tools if shutil.which(tool) is None]
    if missing:
        pytest.skip("not installed: " + ", ".join(missing))


@pytest.fixture(scope="session")
def layouts(state: Path) -> Image:
    """OCI layouts by name, kept beside the state directory's own files."""
    needs(*TOOLS)
    directory = state / "test-images"
    directory.mkdir(parents=True, exist_ok=True)
    return {name: make_image(name, directory) for name in PACKAGES}


@pytest.fixture
def registry(tmp_path: Path, layouts: Image) -> Iterator[DockerRegistry]:
    needs("docker-registry")
    directory = tmp_path / "registry"
    directory.mkdir()
    registry = DockerRegistry(directory)
    registry.start()
    yield registry
    registry.stop()


def import_image(burrow: Run, *arguments: str) -> str:
    done = burrow("image", "import", *arguments)
    assert done.returncode == 0, done.stderr
    found = re.match(r"(im-\w+) ", done.stdout)
    assert found, done.stdout
    return found.group(1)


def exported(burrow: Run, image: str, directory: Path) -> Path:
    """The tree that umoci unpacks from an export."""
    archive, layout = directory / "out.tar", directory / "out"
    done = burrow("image", "export", image, str(archive))
    assert done.returncode == 0, done.stderr
    layout.mkdir()
    run("tar", "-xf", str(archive), "-C", str(layout))
    return unpack("%s:latest" % layout, directory / "exported")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_real_image_is_what_umoci_unpacks_of_it(
    burrow: Run, layouts: Image, tmp_path: Path, name: str
) -> None:
    image = import_image(burrow, "oci:%s:latest" % layouts[name], "--name", name)
    expected = walk(unpack("%s:latest" % layouts[name], tmp_path / "expected"))
    assert len(expected) > 300
    assert differences(expected, walk(exported(burrow, image, tmp_path))) == []
    assert name in burrow("image", "ls").stdout


@pytest.mark.parametrize("image_fs", ["auto", "fuse"])
@pytest.mark.parametrize("name", PACKAGES)
def test_a_mounted_image_is_what_umoci_unpacks_of_it(
    daemon: Daemon, layouts: Image, tmp_path: Path, name: str, image_fs: str
) -> None:
    layout = "%s:latest" % layouts[name]
    expected = walk(unpack(layout, tmp_path / "expected"))
    index = index_of(daemon, import_image(daemon.burrow, "oci:" + layout))
    with mounted(daemon, index, tmp_path, image_fs) as root:
        assert differences(expected, walk(root)) == []


def index_of(daemon: Daemon, image: str) -> str:
    request = urllib.request.Request(
        daemon.url + "/burrow.v1.Images/List",
        data=b"{}",
        headers={
            "Authorization": "Bearer " + json.loads(daemon.config.read_text())["token"],
            "Content-Type": "application/json",
        },
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        images = json.load(answer)["images"]
    (digest,) = [item["indexDigest"] for item in images if item["imageId"] == image]
    return str(digest)


@contextmanager
def mounted(daemon: Daemon, index: str, directory: Path, image_fs: str) -> Iterator[Path]:
    token, root = directory / "token", directory / "root"
    token.write_text(json.loads(daemon.config.read_text())["token"])
    root.mkdir()
    where = ["--control", daemon.url, "--token-file", str(token)]
    options = ["--state-dir", str(directory / "mount"), "--image-fs", image_fs, "--read-only"]
    process = subprocess.Popen(
        [BURROWD, "mount", *where, *options, index, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        universal_newlines=True,
    )
    try:
        assert process.stdout and process.stdout.readline() == "mounted %s\n" % root
        yield root
    finally:
        process.terminate()
        process.wait(30)


def test_every_way_in_leads_to_the_same_image(
    burrow: Run, layouts: Image, tmp_path: Path, registry: DockerRegistry
) -> None:
    layout = "%s:latest" % layouts["shell"]
    docker, oci = tmp_path / "docker.tar", tmp_path / "oci.tar"
    run("skopeo", "copy", "--insecure-policy", "oci:" + layout, "docker-archive:%s:x:y" % docker)
    run("skopeo", "copy", "--insecure-policy", "oci:" + layout, "oci-archive:%s:tag" % oci)
    run("gzip", "-k", str(docker))
    registry.push(layout, "team/shell:1")
    sources = (
        "oci:" + layout,
        str(docker),
        "docker-archive:%s:x:y" % docker,
        str(docker) + ".gz",
        str(oci),
        "oci:%s:tag" % oci,
        "docker://%s/team/shell:1" % registry.host,
        "%s/team/shell:1" % registry.host,
    )
    ids = {source: import_image(burrow, source) for source in sources}
    assert len(set(ids.values())) == 1, ids


def test_a_directory_comes_in_with_everything_that_lstat_tells(burrow: Run, tmp_path: Path) -> None:
    needs("umoci")
    tree = tmp_path / "tree"
    tree.mkdir()
    (tree / "file").write_bytes(b"content")
    os.utime(tree / "file", ns=(0, 1_234_567_890_123_456_789))
    os.link(tree / "file", tree / "link")
    (tree / os.fsdecode(b"not \xff utf-8")).write_text("x")
    os.symlink(os.fsdecode(b"\xfe"), tree / "symlink")
    os.mkfifo(tree / "fifo")
    os.setxattr(tree / "file", "user.note", b"\0\xff")
    os.chmod(tree / "file", 0o4711)
    (tree / "dir").mkdir(mode=0o700)
    image = import_image(burrow, str(tree))
    archive = tmp_path / "again.tar"
    assert burrow("image", "export", image, str(archive)).returncode == 0
    layout, again = tmp_path / "layout", tmp_path / "again"
    layout.mkdir()
    again.mkdir()
    run("tar", "-xf", str(archive), "-C", str(layout))
    (largest,) = sorted((layout / "blobs/sha256").iterdir(), key=lambda p: -p.stat().st_size)[:1]
    run("tar", "-xpf", str(largest), "--xattrs", "--xattrs-include=*", "-C", str(again))
    assert differences(walk(tree), walk(again)) == []


def test_a_socket_in_a_directory_is_an_error(burrow: Run, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tree / "s"))
        done = burrow("image", "import", str(tree))
    assert done.returncode == 1
    assert "socket" in done.stderr and "Traceback" not in done.stderr


def test_known_layers_are_not_read_again(
    burrow: Run, layouts: Image, registry: DockerRegistry
) -> None:
    passing = FaultyRegistry(registry, lambda path, attempt: None)
    try:
        registry.push("%s:latest" % layouts["perl"], "perl")
        first = import_image(burrow, "%s/perl" % passing.host)
        assert sum("/blobs/" in path for path in passing.seen) >= 1
        passing.seen.clear()
        assert import_image(burrow, "%s/perl" % passing.host) == first
        blobs = [path for path in passing.seen if "/blobs/" in path]
        assert len(blobs) == 1, blobs  # the configuration
    finally:
        passing.stop()


def test_a_registry_that_wants_a_password_gets_the_one_of_docker_login(
    daemon: Daemon, layouts: Image, tmp_path: Path
) -> None:
    needs("docker-registry", "htpasswd")
    registry = DockerRegistry(tmp_path, password="secret")
    registry.start()
    try:
        registry.push("%s:latest" % layouts["shell"], "shell")
        environment = daemon.environment(DOCKER_CONFIG=str(tmp_path))
        refused = daemon.burrow("image", "import", registry.host + "/shell", env=environment)
        assert refused.returncode == 1 and "login" in refused.stderr
        write_login(tmp_path, registry.host, "user:secret")
        done = daemon.burrow("image", "import", registry.host + "/shell", env=environment)
        assert done.returncode == 0, done.stderr
        write_login(tmp_path, registry.host, "user:wrong")
        refused = daemon.burrow("image", "import", registry.host + "/shell", env=environment)
        assert refused.returncode == 1 and "login" in refused.stderr
        assert "secret" not in daemon.log.read_text()
    finally:
        registry.stop()


def write_login(directory: Path, host: str, pair: str) -> None:
    auth = base64.b64encode(pair.encode()).decode()
    (directory / "config.json").write_text(json.dumps({"auths": {host: {"auth": auth}}}))


def test_a_registry_that_wants_a_token_gets_one(
    daemon: Daemon, layouts: Image, registry: DockerRegistry, tmp_path: Path
) -> None:
    registry.push("%s:latest" % layouts["shell"], "shell")
    guarded = FaultyRegistry(registry, lambda path, attempt: None, token=True)
    try:
        environment = daemon.environment(DOCKER_CONFIG=str(tmp_path))
        refused = daemon.burrow("image", "import", guarded.host + "/shell", env=environment)
        assert refused.returncode == 1 and "login" in refused.stderr
        write_login(tmp_path, guarded.host, "user:secret")
        done = daemon.burrow("image", "import", guarded.host + "/shell", env=environment)
        assert done.returncode == 0, done.stderr
    finally:
        guarded.stop()


@pytest.fixture
def own_layer(tmp_path: Path) -> Callable[[str], str]:
    """A layout whose layer nobody has imported before."""

    def make(text: str) -> str:
        needs(*TOOLS)
        layout = tmp_path / "own"
        run("umoci", "init", "--layout", str(layout))
        image = "%s:latest" % layout
        run("umoci", "new", "--image", image)
        run("umoci", "unpack", "--image", image, str(tmp_path / "bundle"))
        (tmp_path / "bundle/rootfs/file").write_bytes(os.urandom(3_000_000))
        (tmp_path / "bundle/rootfs/text").write_text(text)
        run("umoci", "repack", "--image", image, str(tmp_path / "bundle"))
        return image

    return make


def recompressed(image: str, compression: str, directory: Path) -> Path:
    """A layout of the same image whose layers are compressed by zstd, or not at all ("none")."""
    layout, copy = directory / compression, ["skopeo", "copy", "--insecure-policy"]
    target = "oci:%s:latest" % layout
    if compression == "none":
        plain = "dir:%s" % (directory / "plain")
        run(*copy, "--dest-decompress", "oci:" + image, plain)
        run(*copy, "--dest-oci-accept-uncompressed-layers", plain, target)
    else:
        run(*copy, "--dest-compress-format", compression, "oci:" + image, target)
    return layout


@pytest.mark.parametrize("place", ["layout", "registry"])
@pytest.mark.parametrize("compression", ["zstd", "none"])
def test_layers_may_be_compressed_by_zstd_or_not_at_all(
    burrow: Run,
    registry: DockerRegistry,
    own_layer: Callable[[str], str],
    tmp_path: Path,
    compression: str,
    place: str,
) -> None:
    image = own_layer(compression + place)
    layout = recompressed(image, compression, tmp_path)
    source = "oci:%s:latest" % layout
    kind = "tar+zstd" if compression == "zstd" else "layer.v1.tar"
    (layer,) = json.loads(run("skopeo", "inspect", "--raw", source))["layers"]
    assert layer["mediaType"].endswith(kind)
    if place == "registry":
        registry.push_as_it_is(layout, "own")
        source = registry.host + "/own"
    expected = walk(unpack(image, tmp_path / "expected"))
    found = exported(burrow, import_image(burrow, source), tmp_path)
    assert differences(expected, walk(found)) == []


@pytest.mark.parametrize("fault", [500, 503, FaultyRegistry.TRUNCATE, FaultyRegistry.CORRUPT])
def test_a_registry_that_fails_at_first_is_asked_again(
    burrow: Run, registry: DockerRegistry, own_layer: Callable[[str], str], fault: int
) -> None:
    registry.push(own_layer(str(fault)), "own")
    faulty = FaultyRegistry(
        registry, lambda path, attempt: fault if "/blobs/" in path and attempt == 1 else None
    )
    if fault == FaultyRegistry.CORRUPT:  # a document is refused at once, a layer is fetched twice
        sizes: "Dict[str, int]" = {}
        faulty.stop()
        faulty = FaultyRegistry(
            registry,
            lambda path, attempt: fault
            if "/blobs/" in path and sizes.setdefault(path, len(sizes)) == 1 and attempt == 1
            else None,
        )
    try:
        import_image(burrow, faulty.host + "/own")
        if fault == FaultyRegistry.TRUNCATE:
            starts = [int(wanted[len("bytes=") :].rstrip("-")) for wanted in faulty.ranges]
            assert any(start > 1_000_000 for start in starts), "the layer's rest was not asked for"
    finally:
        faulty.stop()


def test_a_layer_that_stays_wrong_is_an_error(
    burrow: Run, registry: DockerRegistry, own_layer: Callable[[str], str]
) -> None:
    registry.push(own_layer("wrong"), "own")
    faulty = FaultyRegistry(
        registry, lambda path, attempt: FaultyRegistry.CORRUPT if "/blobs/" in path else None
    )
    try:
        done = burrow("image", "import", faulty.host + "/own")
        assert done.returncode == 1
        assert "other bytes" in done.stderr
    finally:
        faulty.stop()


def test_podman_and_skopeo_accept_an_export(burrow: Run, layouts: Image, tmp_path: Path) -> None:
    needs("podman")
    image = import_image(burrow, "oci:%s:latest" % layouts["shell"])
    for kind, transport in (("oci", "oci-archive"), ("docker-archive", "docker-archive")):
        archive = tmp_path / kind
        assert burrow("image", "export", image, str(archive), "--format", kind).returncode == 0
        inspected = json.loads(run("skopeo", "inspect", "--config", "%s:%s" % (transport, archive)))
        assert "MADE=yes" in inspected["config"]["Env"]
        assert inspected["config"]["WorkingDir"] == "/srv"
        assert "Loaded image" in _podman_load(archive, tmp_path)
        again = tmp_path / (kind + ".again")
        assert burrow("image", "export", image, str(again), "--format", kind).returncode == 0
        assert again.read_bytes() == archive.read_bytes()


def _podman_load(archive: Path, directory: Path) -> str:
    """Into a store of its own."""
    policy = directory / "policy.json"
    policy.write_text('{"default": [{"type": "insecureAcceptAnything"}]}')
    with tempfile.TemporaryDirectory(prefix="pod") as short:  # podman takes no longer one
        places = ["--root", short + "/root", "--runroot", short + "/run"]
        options = ["--storage-driver=vfs", "load", "--signature-policy", str(policy)]
        return run("podman", *places, *options, "-i", str(archive))


def test_overlap_tells_what_images_share(burrow: Run, layouts: Image, tmp_path: Path) -> None:
    images = [import_image(burrow, "oci:%s:latest" % layouts[name]) for name in PACKAGES]
    picture = tmp_path / "venn.svg"
    done = burrow("image", "overlap", *images, "--svg", str(picture))
    assert done.returncode == 0, done.stderr
    assert " ∩ ".join(images) in done.stdout
    assert picture.read_text().count("<circle") == 3
    trees = [walk(unpack("%s:latest" % layouts[n], tmp_path / n)) for n in PACKAGES]
    contents = [{t[8] for t in tree.values() if t[0].startswith("0o10") and t[4]} for tree in trees]
    shared = len(contents[0] & contents[1] & contents[2])
    (row,) = [line for line in done.stdout.splitlines() if line.startswith(" ∩ ".join(images))]
    assert int(row.split()[5]) == shared


def test_an_interrupted_import_leaves_no_image(
    daemon: Daemon, layouts: Image, registry: DockerRegistry, tmp_path: Path
) -> None:
    registry.push("%s:latest" % layouts["python"], "python")
    stuck = FaultyRegistry(registry, lambda path, attempt: 503 if "/blobs/" in path else None)
    before = daemon.burrow("image", "ls").stdout.count("im-")
    try:
        importing = daemon.popen("image", "import", stuck.host + "/python", cwd=tmp_path)
        wait_until(lambda: any("/blobs/" in path for path in stuck.seen), "the import has begun")
        importing.send_signal(signal.SIGINT)
        assert importing.wait(30) == 130
        importing.communicate()
        asked = len(stuck.seen)
        wait_until(lambda: not _uploads(daemon), "the server holds nothing any more")
        assert daemon.burrow("image", "ls").stdout.count("im-") == before
        assert len(stuck.seen) <= asked + 1
    finally:
        stuck.stop()


def _uploads(daemon: Daemon) -> "list[str]":
    return os.listdir(daemon.state / "control/uploads")


def test_a_bad_archive_and_a_bad_name_are_told(burrow: Run, tmp_path: Path) -> None:
    (tmp_path / "bad.tar").write_bytes(b"no tar" * 1000)
    done = burrow("image", "import", str(tmp_path / "bad.tar"))
    assert done.returncode == 1 and "archive" in done.stderr
    done = burrow("image", "import", "python:3.12")
    assert done.returncode == 1 and "HOST/NAME" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_function_runs_in_an_image_of_a_registry(
    request: pytest.FixtureRequest, layouts: Image, registry: DockerRegistry
) -> None:
    registry.push("%s:latest" % layouts["python"], "py:3")
    code = """
    @app.function(image=burrow.Image.from_registry(%r))
    def where():
        import os
        return os.getcwd(), os.environ["MADE"], os.path.exists("/odd/large")
    """
    reference = registry.host + "/py:3"
    done = request.getfixturevalue("run")(code % reference, "print(where.remote())")
    assert done.stdout == "('/srv', 'yes', True)\n", done.stderr


def test_an_image_without_python_says_so(
    request: pytest.FixtureRequest, layouts: Image, registry: DockerRegistry
) -> None:
    registry.push("%s:latest" % layouts["shell"], "shell:3")
    code = """
    @app.function(image=burrow.Image.from_registry(%r))
    def f(): pass
    """
    done = request.getfixturevalue("run")(code % (registry.host + "/shell:3"), "f.remote()")
    assert done.returncode != 0
    assert "python3" in done.stderr
