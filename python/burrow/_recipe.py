"""What images are made of: an immutable list of steps, and the checks that the steps share."""

from __future__ import annotations

from burrow._options import check_environment, check_flag, check_text
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence, Union

    from typing_extensions import Self

    from burrow.secret import Secret

    Step = tuple[str, Any, "Conditions | None"]
    Texts = Union[str, Sequence[str]]


# Steps that run something or add files, in which attached files are missing.
_BUILDING = frozenset(
    "apt_install pip_install run dockerfile_commands run_function add_file add_dir bake_python".split()
)


class Conditions:
    """Under which a step is taken: what of them is seen by its processes is not kept in the image."""

    __slots__ = ("secrets", "env", "force_build")

    def __init__(
        self,
        secrets: "Sequence[Secret]" = (),
        env: "dict[str, str] | None" = None,
        force_build: bool = False,
    ) -> None:
        self.secrets: "tuple[Secret, ...]" = ()
        if secrets:
            from burrow.secret import check_secrets

            self.secrets = tuple(check_secrets(secrets))
        self.env = check_environment(env or {})
        self.force_build = check_flag("force_build", force_build)

    def _identity(self) -> "tuple[Any, ...]":
        return self.secrets, tuple(sorted(self.env.items())), self.force_build

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Conditions) and self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash(self._identity())


class Recipe:
    """Steps in order; the kind and the content of each decide what is built, and nothing else does."""

    __slots__ = ("_steps",)

    def __init__(self, steps: "tuple[Step, ...]") -> None:
        self._steps = steps

    def _with(self, kind: str, content: "Any", conditions: "Conditions | None" = None) -> "Self":
        attached = any(step[0] in ("attach_file", "attach_dir") for step in self._steps)
        if attached and kind in _BUILDING:
            raise InvalidError(
                "This image attaches files to containers when they start, so that no step of its build "
                "has them: attach files behind all other steps, or make them part of the image by "
                "add_local_file() or add_local_dir() with copy=True."
            )
        return type(self)(self._steps + ((kind, content, conditions),))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Recipe) and self._steps == other._steps

    def __hash__(self) -> int:
        return hash(repr([step[:2] for step in self._steps]))

    def __repr__(self) -> str:
        return "<burrow.Image %s>" % " ".join(step[0] for step in self._steps)


def texts(what: str, values: "Sequence[Texts]") -> "tuple[str, ...]":
    """Strings, and lists of strings, as one row of non-empty strings."""
    found: "list[str]" = []
    for value in values:
        found.extend(value if isinstance(value, (list, tuple)) else (value,))  # type: ignore[arg-type]
    return tuple(check_text(what, value) for value in found)


def some(values: "tuple[str, ...]", complaint: str) -> "tuple[str, ...]":
    """The values, of which there must be one."""
    if not values:
        raise InvalidError(complaint)
    return values


def argument_list(method: str, value: "Any") -> "tuple[str, ...]":
    """A list of strings, perhaps empty ones; a single string is a mistake."""
    if not isinstance(value, (list, tuple)) or not all(
        isinstance(word, str) and "\0" not in word for word in value
    ):
        raise InvalidError("%s needs a list of strings, not %r." % (method, value))
    return tuple(value)


def absolute_path(method: str, path: str) -> str:
    """A path in the image."""
    check_text("A path in the image", path)
    if not path.startswith("/") or ".." in path.split("/"):
        raise InvalidError(
            "%s needs an absolute path in the image without '..', not %r." % (method, path)
        )
    return path


def absolute_local(path: "Any") -> str:
    """A path of this machine, absolute."""
    import os

    text = os.fspath(path) if hasattr(path, "__fspath__") else path
    return os.path.abspath(os.path.expanduser(check_text("A local path", text)))


def check_version(value: "str | None") -> "str | None":
    """A version such as "3.11"."""
    if value is None:
        return None
    parts = value.split(".") if isinstance(value, str) else []
    if len(parts) != 2 or parts[0] != "3" or not (parts[1].isascii() and parts[1].isdigit()):
        raise InvalidError('A Python version is written like "3.11", not %r.' % (value,))
    return value
