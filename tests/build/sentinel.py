"""A tree outside of everything that a build may touch, and what proves that none did."""

from __future__ import annotations

import os
from pathlib import Path

from trees import Built, walk

TEXT = "what no build may read: 4f1c9e"


class Sentinel:
    """`path` is on the host. What a build would plant or read there is named by the methods."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "sub").mkdir(parents=True)
        (path / "secret.txt").write_text(TEXT)
        (path / "sub" / "file").write_text(TEXT)
        (path / "passwd").write_text("evil:x:4242:4242::/:/bin/sh\n# %s\n" % TEXT)
        (path / "list").write_text("empty\n")
        self._before = walk(path, since=float("inf"))

    def __str__(self) -> str:
        return str(self.path)

    @property
    def upward(self) -> str:
        """The same from far below, for links that climb out."""
        return "../" * 30 + str(self.path).lstrip("/")

    def check(self) -> None:
        """Fails if anything in it changed, its times included."""
        assert walk(self.path, since=float("inf")) == self._before

    def check_image(self, built: Built) -> None:
        """Fails if an image has what it may not have read."""
        leaked = [
            path for path, entry in built.tree.items() if TEXT in str(entry.get("content", ""))
        ]
        assert leaked == []

    def is_below_root(self, built: Built, name: str) -> bool:
        """Whether the image has `name` where the sentinel's path would be inside of it."""
        return os.path.join(str(self.path), name) in built.tree
