"""Images come in from registries: logins, faults, and silence."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path
from typing import Callable, Dict, Iterator

import pytest

from daemon import Daemon, Run, wait_until
from layered import compressed, digest, own_architecture, random_layer, write_layout
from registries import Certificates, DockerRegistry, FaultyRegistry
from transfers import import_image, needs

Image = Dict[str, Path]


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


def test_layers_are_fetched_at_the_same_time(
    burrow: Run, registry: DockerRegistry, tmp_path: Path
) -> None:
    layers = [random_layer(name, 100_000) for name in ("one", "two", "three")]
    layout = write_layout(tmp_path / "layout", {own_architecture(): layers})
    registry.push_as_it_is(layout, "three")
    paths = {"/v2/three/blobs/sha256:" + digest(compressed(layer)) for layer in layers}
    asked: "set[str]" = set()
    more = threading.Condition()

    def fault(path: str, attempt: int) -> "int | None":
        """No layer is answered before all were asked for."""
        if path not in paths:
            return None
        with more:
            asked.add(path)
            more.notify_all()
            return None if more.wait_for(lambda: asked == paths, 90) else 404

    waiting = FaultyRegistry(registry, fault)
    try:
        import_image(burrow, waiting.host + "/three")
        assert asked == paths
    finally:
        waiting.stop()


def test_a_registry_that_wants_a_password_gets_the_one_of_docker_login(
    daemon: Daemon, layouts: Image, tmp_path: Path
) -> None:
    needs("docker-registry", "htpasswd")
    registry = DockerRegistry(tmp_path, password="tapir-plover-49")
    registry.start()
    try:
        registry.push("%s:latest" % layouts["shell"], "shell")
        environment = daemon.environment(DOCKER_CONFIG=str(tmp_path))
        refused = daemon.burrow("image", "import", registry.host + "/shell", env=environment)
        assert refused.returncode == 1 and "login" in refused.stderr
        write_login(tmp_path, registry.host, "user:tapir-plover-49")
        done = daemon.burrow("image", "import", registry.host + "/shell", env=environment)
        assert done.returncode == 0, done.stderr
        write_login(tmp_path, registry.host, "user:wrong")
        refused = daemon.burrow("image", "import", registry.host + "/shell", env=environment)
        assert refused.returncode == 1 and "login" in refused.stderr
        assert "tapir-plover" not in daemon.log.read_text()
    finally:
        registry.stop()


def test_a_recipe_s_base_comes_from_a_registry_by_a_stored_secret(
    daemon: Daemon, run: Run, layouts: Image, tmp_path: Path
) -> None:
    needs("docker-registry", "htpasswd")
    registry = DockerRegistry(tmp_path, password="tapir-plover-50")
    registry.start()
    pair = ["REGISTRY_USERNAME=user", "REGISTRY_PASSWORD=tapir-plover-50"]
    daemon.burrow("secret", "create", "e2e-registry", *pair)
    try:
        registry.push("%s:latest" % layouts["perl"], "perl")
        code = "image = burrow.Image.from_registry(%r%s)\n@app.function(image=image)\ndef f(): pass"
        main = "print(f.local())"
        without = run(code % (registry.host + "/perl", ""), main)
        assert without.returncode != 0 and "login" in without.stderr
        secret = ", burrow.Secret.from_name('e2e-registry')"
        done = run(code % (registry.host + "/perl", secret), main)
        assert done.returncode == 0, done.stderr
    finally:
        registry.stop()
        daemon.burrow("secret", "delete", "e2e-registry")


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
        write_login(tmp_path, guarded.host, "user:tapir-plover-49")
        done = daemon.burrow("image", "import", guarded.host + "/shell", env=environment)
        assert done.returncode == 0, done.stderr
    finally:
        guarded.stop()


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


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A registry that accepts connections and says nothing."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield listening


def test_a_silent_registry_is_named_while_it_is_waited_for(
    daemon: Daemon, silent: socket.socket, tmp_path: Path
) -> None:
    host = "127.0.0.1:%d" % silent.getsockname()[1]
    importing = daemon.popen("image", "import", host + "/image", cwd=tmp_path)
    assert importing.stderr is not None
    assert importing.stderr.readline() == "waiting for %s ...\n" % host
    importing.send_signal(signal.SIGINT)
    assert importing.wait(30) == 130
    importing.communicate()
    wait_until(lambda: not _uploads(daemon), "the server holds nothing any more")


def test_a_silent_registry_is_named_in_a_build(
    daemon: Daemon, silent: socket.socket, tmp_path: Path
) -> None:
    host = "127.0.0.1:%d" % silent.getsockname()[1]
    (tmp_path / "Dockerfile").write_text("FROM %s/image\n" % host)
    building = daemon.popen("build", str(tmp_path), cwd=tmp_path)
    assert building.stderr is not None
    wanted = "#0   waiting for %s ...\n" % host
    lines = []
    while wanted not in lines:
        lines.append(building.stderr.readline())
        assert lines[-1], lines
    building.send_signal(signal.SIGINT)
    assert building.wait(30) == 130
    building.communicate()


def test_a_name_without_a_registry_is_one_of_the_default_registry(
    own_daemon: Daemon, layouts: Image, registry: DockerRegistry, tmp_path: Path
) -> None:
    registry.push("%s:latest" % layouts["shell"], "library/short-name")
    (tmp_path / "Dockerfile").write_text("FROM short-name\nRUN echo built > /made\n")
    own_daemon.start()
    refused = own_daemon.burrow("build", str(tmp_path))
    assert refused.returncode == 1 and "--default-registry" in refused.stderr
    own_daemon.stop()
    own_daemon.options = ["--default-registry", "hub.example=" + registry.host]
    own_daemon.start()
    built = own_daemon.burrow("build", str(tmp_path))
    assert built.returncode == 0, built.stderr
    whole = own_daemon.burrow("image", "import", "docker://hub.example/library/short-name")
    short = own_daemon.burrow("image", "import", "docker://short-name")
    assert short.returncode == 0 and short.stdout == whole.stdout, short.stderr
    own_daemon.stop()


def test_a_registry_of_a_private_authority_is_trusted_where_burrowd_is_told_to(
    own_daemon: Daemon, layouts: Image, tmp_path: Path
) -> None:
    needs("docker-registry", "openssl")
    certificates = Certificates(tmp_path)
    registry = DockerRegistry(tmp_path, certificates=certificates)
    registry.start()
    own, other = own_architecture(), "s390x"
    reference = registry.host + "/two:both"
    try:
        registry.push("%s:latest" % layouts["shell"], "two:" + own)
        registry.push("%s:latest" % layouts["perl"], "two:" + other)
        registry.push_index("two", "both", {other: other, own: own})
        own_daemon.start()
        refused = own_daemon.burrow("image", "import", reference)
        assert refused.returncode == 1 and "SSL_CERT_FILE" in refused.stderr, refused.stderr
        own_daemon.stop()
        own_daemon.env["SSL_CERT_FILE"] = str(certificates.authority)
        own_daemon.start()
        chosen = import_image(own_daemon.burrow, reference)
        expected = "oci:%s:latest" % layouts["shell"]
        assert chosen == import_image(own_daemon.burrow, expected)
        registry.push_index("two", "foreign", {other: other})
        refused = own_daemon.burrow("image", "import", registry.host + "/two:foreign")
        assert refused.returncode == 1 and own in refused.stderr, refused.stderr
        own_daemon.stop()
    finally:
        registry.stop()


def test_a_default_registry_that_is_no_host_is_refused_at_the_start(own_daemon: Daemon) -> None:
    own_daemon.options = ["--default-registry", "https://hub.example"]
    refused = subprocess.run(
        own_daemon.command(), capture_output=True, text=True, timeout=60, check=False
    )
    assert refused.returncode != 0
    assert "'https://hub.example' is no registry" in refused.stderr
