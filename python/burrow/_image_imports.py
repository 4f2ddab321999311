"""`with image.imports():` takes imports that only the image can satisfy."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from burrow._recipe import Recipe

_failed: "list[tuple[Recipe, ImportError]]" = []


class Imports:
    """A context in which a failed import is no error, yet."""

    __slots__ = ("_image",)

    def __init__(self, image: "Recipe") -> None:
        self._image = image

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: "BaseException | None", traceback: object) -> bool:
        if not isinstance(error, ImportError):
            return False
        if os.environ.get("BURROW_CONTAINER_ID"):
            _failed.append((self._image, error))
        return True


def raise_failed_import(image: "Recipe | None") -> None:
    """Raises what failed in a context of this image, or of one that it goes on from."""
    if image is None:
        return
    for other, error in _failed:
        if image._steps[: len(other._steps)] == other._steps:
            raise error
