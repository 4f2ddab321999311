"""Python packages that a test makes, so that no index is asked."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_wheel(directory: Path, name: str, version: str = "1.0") -> Path:
    """A module that knows its NAME and VERSION, as a file in the directory."""
    directory.mkdir(parents=True, exist_ok=True)
    about = "%s-%s.dist-info/" % (name, version)
    path = directory / ("%s-%s-py3-none-any.whl" % (name, version))
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr(name + ".py", "NAME, VERSION = %r, %r\n" % (name, version))
        metadata = "Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version)
        wheel.writestr(about + "METADATA", metadata)
        wheel.writestr(
            about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        names = (name + ".py", about + "METADATA", about + "WHEEL", about + "RECORD")
        wheel.writestr(about + "RECORD", "".join(name + ",,\n" for name in names))
    return path


def write_index(directory: Path, name: str) -> None:
    """An index of the one package, as PEP 503 has it: NAME-1.0."""
    project = directory / name.replace("_", "-")
    wheel = write_wheel(project, name)
    (project / "index.html").write_text('<a href="%s">%s</a>\n' % (wheel.name, wheel.name))
