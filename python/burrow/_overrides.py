"""Options that with_options() changes for a variant of a function or class."""

from __future__ import annotations

from burrow._function_options import function_options
from burrow._options import check_count
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow.function import FunctionOptions


def _ms(seconds: float) -> int:
    return max(1, int(seconds * 1000))


def _retries(options: "FunctionOptions") -> "dict[str, Any]":
    return {} if options.retries is None else options.retries._message()


_FIELDS: "dict[str, Callable[[FunctionOptions], dict[str, Any]]]" = {
    "cpu": lambda o: {"cpu": o.cpu, "cpuLimit": o.cpu_limit},
    "memory": lambda o: {"memoryMib": o.memory, "memoryLimitMib": o.memory_limit},
    "timeout": lambda o: {"timeoutMs": _ms(o.timeout)},
    "retries": lambda o: {"retries": _retries(o)},
    "max_containers": lambda o: {"maxContainers": o.max_containers},
    "buffer_containers": lambda o: {"bufferContainers": o.buffer_containers},
    "scaledown_window": lambda o: {"scaledownWindowMs": _ms(o.scaledown_window)},
}


def overrides(given: "dict[str, Any]") -> "dict[str, Any]":
    """The SpecOverrides message of what with_options() was given.

    Raises:
        InvalidError: an option is out of range, or cannot be changed.
    """
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


def concurrency(max_inputs: int, target_inputs: "int | None") -> "dict[str, Any]":
    """The SpecOverrides message of with_concurrency()."""
    most = check_count("max_inputs", max_inputs, 1, 1000)
    aim = most if target_inputs is None else check_count("target_inputs", target_inputs, 1, most)
    return {"maxInputs": most, "targetInputs": aim}


def batching(max_batch_size: int, wait_ms: int) -> "dict[str, Any]":
    """The SpecOverrides message of with_batching()."""
    return {
        "maxBatchSize": check_count("max_batch_size", max_batch_size, 1, 1000),
        "batchWaitMs": check_count("wait_ms", wait_ms, 0, 600_000),
    }
