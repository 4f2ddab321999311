"""Options that with_options() changes for a variant of a function or class."""

from __future__ import annotations

from burrow._function_options import OPTIONS, function_options
from burrow._options import milliseconds
from burrow._other_options import check_others
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow.function import FunctionOptions


def _retries(options: "FunctionOptions") -> "dict[str, Any]":
    return {} if options.retries is None else options.retries._message()


_FIELDS: "dict[str, Callable[[FunctionOptions], dict[str, Any]]]" = {
    "cpu": lambda o: {"cpu": o.cpu, "cpuLimit": o.cpu_limit},
    "memory": lambda o: {"memoryMib": o.memory, "memoryLimitMib": o.memory_limit},
    "timeout": lambda o: {"timeoutMs": milliseconds(o.timeout)},
    "retries": lambda o: {"retries": _retries(o)},
    "max_containers": lambda o: {"maxContainers": o.max_containers},
    "buffer_containers": lambda o: {"bufferContainers": o.buffer_containers},
    "volumes": lambda o: {"volumes": o.volumes},  # looked up when the variant is asked for
    "env": lambda o: {"env": o.env},
    "secrets": lambda o: {"secrets": {"secrets": [secret._message() for secret in o.secrets]}},
    "scaledown_window": lambda o: {"scaledownWindowMs": milliseconds(o.scaledown_window)},
}


def joined(earlier: "dict[str, Any]", later: "dict[str, Any]") -> "dict[str, Any]":
    """What two with_options() after one another change."""
    both = {**earlier, **later}
    if "env" in earlier and "env" in later:
        both["env"] = {**earlier["env"], **later["env"]}
    return both


def with_mounts(message: "dict[str, Any]") -> "dict[str, Any]":
    """The message with its volumes as the server knows them.

    Raises:
        NotFoundError: one of them is not there.
    """
    if "volumes" not in message:
        return message
    from burrow.volume import mount_messages

    return dict(message, volumes={"mounts": mount_messages(message["volumes"])})


def overrides(given: "dict[str, Any]") -> "dict[str, Any]":
    """The SpecOverrides message of what with_options() was given.

    Raises:
        InvalidError: an option is out of range, or cannot be changed.
    """
    others = {name: value for name, value in given.items() if name not in OPTIONS}
    check_others(others, _FIELDS)
    given = {name: value for name, value in given.items() if name in OPTIONS}
    unknown = sorted(set(given) - set(_FIELDS))
    if unknown:
        raise InvalidError(
            "with_options() cannot change %s; it changes %s."
            % (", ".join(unknown), ", ".join(sorted(_FIELDS)))
        )
    checked = function_options(**given)
    message: "dict[str, Any]" = {}
    for name in given:
        message.update(_FIELDS[name](checked))
    return message
