"""How others start an image of a registry: podman, and containerd with stargz-snapshotter; and the registry."""

from __future__ import annotations

import glob
import os
import shutil
import tempfile
import time

from image_workload import COMMAND
from measurement import BenchError
from mounts import unmount
from processes import Server, free_port, proportional_memory, run, wait_for_port

_START_SECONDS = 60.0
_BENCH = os.path.dirname(os.path.abspath(__file__))
_SAY = (COMMAND[0], "-c", "import sklearn; print('imported', flush=True)")


class Registry:
    """docker-registry over a directory that stays."""

    def __init__(self, directory: str, work: str) -> None:
        self.port = free_port()
        config = os.path.join(work, "registry.yml")
        with open(config, "w", encoding="utf-8") as file:
            file.write("version: 0.1\nlog: {level: error}\n")
            file.write("storage: {filesystem: {rootdirectory: '%s'}}\n" % directory)
            file.write("http: {addr: '127.0.0.1:%d'}\n" % self.port)
        command = ["docker-registry", "serve", config]
        self._server = Server(command, os.path.join(work, "registry.log"))
        wait_for_port(self.port)

    def reference(self, tag: str) -> str:
        return "localhost:%d/w:%s" % (self.port, tag)

    def close(self) -> None:
        self._server.stop()


class Podman:
    """podman with a storage of its own, the overlay driver, neither network nor cgroups."""

    def __init__(self, work: str) -> None:
        self._work = os.path.join(work, "podman")
        self._run = tempfile.mkdtemp(prefix="bench-")  # podman refuses more than 50 characters
        self._base = ["podman", "--root", self._work + "/root", "--runroot", self._run]
        self._base += ["--storage-driver", "overlay", "--cgroup-manager", "cgroupfs"]

    def forget(self) -> None:
        """As before the first pull."""
        for point in glob.glob(self._work + "/root/overlay"):
            if os.path.ismount(point):
                unmount(point)
        for directory in (self._work, self._run):
            shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(self._work)

    def pull_and_run(self, reference: str) -> None:
        run([*self._base, "pull", "--quiet", "--tls-verify=false", reference])
        limits = ["--ulimit=nofile=1024:1024", "--ulimit=nproc=1024:1024"]
        options = ["--rm", "--network=none", "--cgroups=disabled", *limits]
        _expect(run([*self._base, "run", *options, reference, *_SAY]))

    def load(self, archive: str) -> None:
        run([*self._base, "load", "--quiet", "--input", archive])


class Stargz:
    """containerd and stargz-snapshotter, whose server is built here upon Debian's package of its library.

    Args:
        keep: directory in which the built server and the converted image stay.

    Raises:
        BenchError: a program is missing; the message names its package.
    """

    def __init__(self, keep: str, work: str) -> None:
        self._work = os.path.join(work, "stargz")
        self._binary = os.path.join(keep, "stargz-server")
        self._servers: "list[Server]" = []
        _need("ctr-remote", "stargz-snapshotter")
        _need("containerd", "containerd")
        if not os.path.exists(self._binary):
            self._build(keep)

    def _build(self, keep: str) -> None:
        _need("go", "golang-go")
        environment = {**os.environ, "GO111MODULE": "off", "GOPATH": "/usr/share/gocode"}
        environment["GOCACHE"] = os.path.join(keep, "go-cache")
        source = os.path.join(_BENCH, "stargz", "main.go")
        run(["go", "build", "-o", self._binary, source], timeout=1800, env=environment)

    @property
    def _ctr(self) -> "list[str]":
        return ["ctr-remote", "--address", self._work + "/containerd.sock"]

    def start_empty(self) -> None:
        """Both daemons, which know no image."""
        self.stop()
        shutil.rmtree(self._work, ignore_errors=True)
        os.makedirs(self._work)
        config = os.path.join(self._work, "containerd.toml")
        with open(config, "w", encoding="utf-8") as file:
            file.write('version = 2\nroot = "%s/root"\n' % self._work)
            file.write('state = "%s/state"\n' % self._work)
            file.write('disabled_plugins = ["io.containerd.grpc.v1.cri"]\n')
            file.write('[grpc]\n  address = "%s/containerd.sock"\n' % self._work)
            file.write('[proxy_plugins.stargz]\n  type = "snapshot"\n')
            file.write('  address = "%s/stargz.sock"\n' % self._work)
        snapshotter = Server(
            [
                self._binary,
                "-root",
                self._work + "/stargz",
                "-address",
                self._work + "/stargz.sock",
            ],
            self._work + "/stargz.log",
        )
        self._servers.append(snapshotter)
        snapshotter.wait_for("ready")
        self._servers.append(
            Server(["containerd", "--config", config], self._work + "/containerd.log")
        )
        self._wait_for_containerd()

    def _wait_for_containerd(self) -> None:
        deadline = time.monotonic() + _START_SECONDS
        while True:
            try:
                run([*self._ctr, "version"], timeout=10)
                return
            except BenchError:
                if time.monotonic() > deadline:
                    raise BenchError(
                        "containerd did not answer within %d s" % _START_SECONDS
                    ) from None
                time.sleep(0.1)

    def stop(self) -> None:
        for server in reversed(self._servers):
            server.stop()
        self._servers = []
        with open("/proc/self/mounts", encoding="utf-8") as file:
            points = [line.split()[1] for line in file]
        for point in reversed(points):
            if point.startswith(self._work + "/"):
                unmount(point)

    def convert(self, plain: str, lazy: str) -> None:
        """Makes the lazily loadable form of an image, with what the workload reads in front."""
        self.start_empty()
        run([*self._ctr, "images", "pull", "--plain-http", plain])
        convert = ["images", "optimize", "--oci", "--args", _as_json(COMMAND), plain, lazy]
        try:
            run([*self._ctr, *convert], timeout=1800)
        except BenchError:
            run([*self._ctr, "images", "convert", "--oci", "--estargz", plain, lazy], timeout=1800)
        run([*self._ctr, "images", "push", "--plain-http", lazy])
        self.stop()

    def memory(self) -> int:
        """Bytes of the snapshotter."""
        return proportional_memory(self._servers[0].pid)

    def pull_and_run(self, reference: str) -> None:
        run([*self._ctr, "images", "rpull", "--plain-http", reference])
        options = ["--rm", "--snapshotter=stargz"]
        _expect(run([*self._ctr, "run", *options, reference, "w", *_SAY]))


def _need(program: str, package: str) -> None:
    if shutil.which(program) is None:
        raise BenchError("%s is not installed: apt-get install %s" % (program, package))


def _as_json(words: "tuple[str, ...]") -> str:
    return "[%s]" % ",".join('"%s"' % word for word in words)


def _expect(output: str) -> None:
    if "imported" not in output:
        raise BenchError("the workload did not say that it ran: %r" % output[-500:])
