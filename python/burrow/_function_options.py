"""Checks what @app.function() and @app.cls() are given."""

from __future__ import annotations

from burrow import _marks
from burrow._options import (
    check_count,
    check_environment,
    check_flag,
    check_number,
    without_none,
)
from burrow._other_options import check_others
from burrow.exception import InvalidError
from burrow.function import FunctionOptions
from burrow.image import Image

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow.retries import Retries
    from burrow.schedule import Cron, Period
    from burrow.secret import Secret
    from burrow.volume import Volume

_MAX_MEMORY_MIB = 16 * 1024 * 1024
_MAX_DISK_MIB = 64 * 1024 * 1024
_RUNTIMES = ("crun", "runc", "runsc")


def function_options(
    *,
    image: "Image | None" = None,
    cpu: "float | tuple[float, float] | None" = None,
    memory: "int | tuple[int, int] | None" = None,
    ephemeral_disk: "int | None" = None,
    timeout: float = 300,
    startup_timeout: "float | None" = None,
    retries: "int | Retries | None" = None,
    min_containers: "int | None" = None,
    max_containers: "int | None" = None,
    buffer_containers: "int | None" = None,
    scaledown_window: "float | None" = None,
    single_use_containers: bool = False,
    enable_memory_snapshot: bool = False,
    block_network: bool = False,
    runtime: "str | None" = None,
    env: "dict[str, str | None] | None" = None,
    secrets: "list[Secret] | None" = None,
    volumes: "dict[str, Volume] | None" = None,
    schedule: "Cron | Period | None" = None,
    serialized: bool = False,
    is_generator: "bool | None" = None,
    **others: "Any",
) -> FunctionOptions:
    """The options in their checked form; what is None has its default.

    Args:
        others: hints, which change nothing; see _other_options.

    Raises:
        InvalidError: one of them is out of range, or there is no such option.
    """
    if others:
        check_others(others, OPTIONS)
    options = FunctionOptions()
    options.image = check_image(image)
    options.cpu, options.cpu_limit = _check_cpu(1.0 if cpu is None else cpu)
    options.memory, options.memory_limit = _check_memory(512 if memory is None else memory)
    options.ephemeral_disk = 0
    if ephemeral_disk is not None:
        options.ephemeral_disk = check_count("ephemeral_disk", ephemeral_disk, 1, _MAX_DISK_MIB)
    options.timeout = check_number("timeout", timeout, 0.1, 7 * 86400, "s")
    options.startup_timeout = 0.0
    if startup_timeout is not None:
        options.startup_timeout = check_number("startup_timeout", startup_timeout, 1, 86400, "s")
    options.retries = None
    if retries is not None and (retries != 0 or isinstance(retries, bool)):
        from burrow.retries import as_retries

        options.retries = as_retries(retries)
    _set_scaling(options, min_containers or 0, max_containers, buffer_containers or 0)
    window = 60 if scaledown_window is None else scaledown_window
    options.scaledown_window = check_number("scaledown_window", window, 0.001, 86400, "s")
    options.single_use_containers = check_flag("single_use_containers", single_use_containers)
    options.enable_memory_snapshot = check_flag("enable_memory_snapshot", enable_memory_snapshot)
    options.block_network = check_flag("block_network", block_network)
    options.runtime = _check_runtime(runtime)
    options.env = check_environment(without_none(env or {}))
    options.secrets = check_secrets(secrets)
    options.volumes = check_volumes(volumes)
    options.schedule = _check_schedule(schedule)
    options.serialized = bool(serialized)
    options.is_generator = None
    if is_generator is not None:
        options.is_generator = check_flag("is_generator", is_generator)
    options.concurrency, options.batching = None, None
    return options


# Their names, with that which the decorators themselves take.
OPTIONS = ("name", *function_options.__kwdefaults__)


def with_marks(options: FunctionOptions, decorated: "Any", batching: "Any") -> FunctionOptions:
    """The options with what @burrow.concurrent() and @burrow.batched() said.

    Raises:
        InvalidError: they contradict each other or another option.
    """
    options.concurrency = vars(decorated).get(_marks.CONCURRENCY)
    options.batching = batching
    name = getattr(decorated, "__name__", "the function")
    if options.concurrency is not None and options.batching is not None:
        raise InvalidError(
            "%s is both @burrow.concurrent() and @burrow.batched(): choose one." % name
        )
    at_once = options.concurrency is not None and options.concurrency.max_inputs > 1
    if options.single_use_containers and (at_once or options.batching is not None):
        raise InvalidError(
            "%s has single_use_containers, which take one call each: leave out @burrow.concurrent() "
            "and @burrow.batched()." % name
        )
    return options


def check_image(image: "Image | None") -> "Image | None":
    """An image, or None."""
    if image is not None and not isinstance(image, Image):
        raise InvalidError("image must be a burrow.Image, not %r." % (image,))
    return image


def check_secrets(secrets: "list[Secret] | None") -> "list[Secret]":
    """A list of secrets, which may be empty."""
    if not secrets:
        return []
    from burrow import secret

    return secret.check_secrets(secrets)


def check_volumes(volumes: "dict[str, Volume] | None") -> "dict[str, Volume]":
    """Volumes by absolute path, of which there may be none."""
    if not volumes:
        return {}
    from burrow import volume

    return volume.check_volumes(volumes)


def _check_schedule(schedule: "Cron | Period | None") -> "Cron | Period | None":
    if schedule is None:
        return None
    from burrow.schedule import check_schedule

    return check_schedule(schedule)


def _check_cpu(cpu: "Any") -> "tuple[float, float]":
    request, limit = _pair("cpu", cpu)
    request = check_number("cpu", request, 0.05, 512, "cores")
    if limit is None:
        return request, 0.0
    return request, _check_limit("cpu", request, check_number("cpu", limit, 0.05, 512, "cores"))


def _check_memory(memory: "Any") -> "tuple[int, int]":
    request, limit = _pair("memory", memory)
    request = check_count("memory", request, 16, _MAX_MEMORY_MIB)
    if limit is None:
        return request, 0
    limit = check_count("memory", limit, 16, _MAX_MEMORY_MIB)
    return request, int(_check_limit("memory", request, limit))


def _pair(name: str, value: "Any") -> "tuple[Any, Any]":
    if not isinstance(value, tuple):
        return value, None
    if len(value) != 2:
        raise InvalidError("%s must be a number or (request, limit), not %r." % (name, value))
    return value[0], value[1]


def _check_limit(name: str, request: float, limit: float) -> float:
    if limit < request:
        raise InvalidError(
            "The limit of %s (%g) is below its request (%g)." % (name, limit, request)
        )
    return limit


def _check_runtime(runtime: "str | None") -> str:
    if runtime is None:
        return ""
    if runtime not in _RUNTIMES:
        raise InvalidError("runtime must be 'crun', 'runc' or 'runsc', not %r." % (runtime,))
    return runtime


def _set_scaling(options: FunctionOptions, low: int, high: "int | None", buffer: int) -> None:
    options.min_containers = check_count("min_containers", low, 0, 10000)
    options.max_containers = 0 if high is None else check_count("max_containers", high, 1, 10000)
    options.buffer_containers = check_count("buffer_containers", buffer, 0, 10000)
    if high is not None and low > high:
        raise InvalidError("min_containers (%d) is above max_containers (%d)." % (low, high))
