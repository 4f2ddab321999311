"""Python packages that a test makes, so that no index is asked."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_wheel(directory: Path, name: str) -> None:
    """NAME-1.0, a module that knows its NAME."""
    directory.mkdir(exist_ok=True)
    about = "%s-1.0.dist-info/" % name
    with zipfile.ZipFile(directory / ("%s-1.0-py3-none-any.whl" % name), "w") as wheel:
        wheel.writestr(name + ".py", "NAME = %r\n" % name)
        wheel.writestr(about + "METADATA", "Metadata-Version: 2.1\nName: %s\nVersion: 1.0\n" % name)
        wheel.writestr(
            about + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        names = (name + ".py", about + "METADATA", about + "WHEEL", about + "RECORD")
        wheel.writestr(about + "RECORD", "".join(name + ",,\n" for name in names))
