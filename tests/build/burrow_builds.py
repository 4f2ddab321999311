"""`burrow build` and what follows it, as a user types it, and its images in the form that is compared."""

from __future__ import annotations

import json
import re
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple

from buildah import unpack
from cases import Case, lay_out
from daemon import Daemon
from trees import Built, configuration, history

BUILD_DEADLINE_S = 240.0


class Build(NamedTuple):
    """A build that succeeded: the image's id, and the lines of what happened."""

    image: str
    report: str

    @property
    def started(self) -> "List[str]":
        """Steps that ran; finding out which image a FROM names is none."""
        steps = re.findall(r"^#\d+ (?!CACHED |FAILED |done | )(.+)$", self.report, re.MULTILINE)
        return [step for step in steps if not re.match(r"(\[[^]]*\] )?FROM ", step)]

    @property
    def cached(self) -> "List[str]":
        """Steps whose outcome was there."""
        return re.findall(r"^#\d+ CACHED (.+)$", self.report, re.MULTILINE)

    @property
    def id(self) -> str:
        """Of the build."""
        found = re.search(r"^build (\S+)$", self.report, re.MULTILINE)
        assert found, self.report
        return found.group(1)


class BurrowBuilds:
    """`burrow` against one daemon."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self._began = time.time() - 2  # an equal step of an earlier case is cached

    def run(self, *arguments: str, **env: str) -> "subprocess.CompletedProcess[str]":
        """`burrow ...`, whatever comes of it."""
        environment = self.daemon.environment(**env)
        return self.daemon.burrow(*arguments, env=environment, deadline_s=BUILD_DEADLINE_S)

    def succeed(self, *arguments: str, **env: str) -> str:
        """Its standard output."""
        done = self.run(*arguments, **env)
        assert done.returncode == 0, "%s\n%s" % (" ".join(arguments), done.stdout + done.stderr)
        return done.stdout

    def import_image(self, source: str, name: str) -> None:
        self.succeed("image", "import", source, "--name", name)

    def build(self, context: Path, *options: str, **env: str) -> Build:
        done = self.run("build", str(context), *options, **env)
        assert done.returncode == 0, done.stdout + done.stderr
        image = done.stdout.splitlines()[-1].strip()
        assert re.match(r"im-\w+$", image), done.stdout
        return Build(image, done.stderr)

    def fail(self, context: Path, *options: str, **env: str) -> str:
        """What a build that must not succeed says."""
        done = self.run("build", str(context), *options, **env)
        assert done.returncode == 1, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done.stderr

    def build_case(
        self, case: Case, directory: Path, arguments: "Dict[str, str]", agent: str
    ) -> Built:
        """As Buildah.build."""
        context = lay_out(case, directory)
        if case.before:
            self.build(context, "-f", str(case.before), "-t", "before")
        options = ["-t", "case"]
        for name, value in {**arguments, **case.build_args}.items():
            options += ["--build-arg", "%s=%s" % (name, value)]
        options += ["--target", case.target] if case.target else []
        options += ["--ssh", "default"] if case.ssh else []
        for name, value in case.secrets.items():
            file = directory / ("secret-" + name)
            file.write_text(value, encoding="utf-8")
            options += ["--secret", "id=%s,src=%s" % (name, file)]
        build = self.build(context, *options, SSH_AUTH_SOCK=agent)
        return self.exported(build.image, directory, self._began)

    def exported(self, image: str, directory: Path, since: float = float("inf")) -> Built:
        """An image as others read it."""
        layout = self.export(image, directory)
        config = config_of(layout)
        # An export has one layer; which steps changed files, the image itself knows.
        steps = json.loads(self.succeed("image", "inspect", image))["history"]
        counted = history([bool(step["emptyLayer"]) for step in steps])
        assert sum(counted.values()) == sum(config["history"].values())
        config["history"] = counted
        return Built(unpack("%s:latest" % layout, directory / "burrow-tree", since), config)

    def export(self, image: str, directory: Path) -> Path:
        """An OCI layout of the image."""
        archive, layout = directory / "export.tar", directory / "burrow-layout"
        self.succeed("image", "export", image, str(archive))
        layout.mkdir()
        with tarfile.open(archive) as tar:
            tar.extractall(layout)
        return layout


def config_of(layout: Path) -> "Dict[str, Any]":
    """The configuration of an OCI layout's only image."""

    def blob(descriptor: "Dict[str, Any]") -> "Dict[str, Any]":
        algorithm, _, digest = descriptor["digest"].partition(":")
        found: "Dict[str, Any]" = json.loads((layout / "blobs" / algorithm / digest).read_text())
        return found

    (entry,) = json.loads((layout / "index.json").read_text())["manifests"]
    return configuration(blob(blob(entry)["config"]))
