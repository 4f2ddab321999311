"""Describes a decorated function to the server."""

from __future__ import annotations

from burrow import _serialization
from burrow._client.class_spec import class_spec
from burrow._client.modules import module_name
from burrow._client.payload import dump_arguments, encode_json
from burrow._options import milliseconds
from burrow.cls import Cls
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.blobs import BlobClient
    from burrow.function import Function


def function_spec(
    function: "Function[..., Any] | Cls", image_id: str, blobs: "BlobClient"
) -> "dict[str, Any]":
    """The FunctionSpec message.

    Raises:
        InvalidError: the function can neither be imported remotely nor is it serialized.
    """
    options = function.options
    spec: "dict[str, Any]" = {
        "name": function.name,
        "qualname": function.__qualname__,
        "isGenerator": function.is_generator,
        "imageId": image_id,
        "resources": {
            "cpu": options.cpu,
            "memoryMib": options.memory,
            "cpuLimit": options.cpu_limit,
            "memoryLimitMib": options.memory_limit,
            "ephemeralDiskMib": options.ephemeral_disk,
        },
        "timeoutMs": milliseconds(options.timeout),
        "minContainers": options.min_containers,
        "maxContainers": options.max_containers,
        "scaledownWindowMs": milliseconds(options.scaledown_window),
        "env": options.env,
        "startupTimeoutMs": milliseconds(options.startup_timeout) if options.startup_timeout else 0,
        "singleUseContainers": options.single_use_containers,
        "memorySnapshot": options.enable_memory_snapshot,
        "blockNetwork": options.block_network,
        "bufferContainers": options.buffer_containers,
        "runtime": options.runtime,
    }
    for at_once in (options.concurrency, options.batching):
        if at_once is not None:
            spec.update(at_once._message())
    if isinstance(function, Cls):
        spec["classSpec"] = class_spec(function)
    if options.retries is not None:
        spec["retries"] = options.retries._message()
    if options.secrets:
        spec["secrets"] = [secret._message() for secret in options.secrets]
    if options.schedule is not None:
        spec["schedule"] = _schedule(function, blobs)
    if options.serialized:
        import json

        data = _serialization.dumps_by_value(function.__wrapped__)
        spec["pickled"] = json.loads(encode_json(data, blobs))
    else:
        spec["module"] = importable_module(function, function.name)
    return spec


def _schedule(function: "Function[..., Any] | Cls", blobs: "BlobClient") -> "dict[str, Any]":
    import json

    assert function.options.schedule is not None
    arguments = encode_json(dump_arguments((), {}, function.name), blobs)
    return dict(function.options.schedule._message(), arguments=json.loads(arguments))


def importable_module(function: "Any", name: str) -> str:
    """The module from which a container imports a function.

    Raises:
        InvalidError: it could not.
    """
    if "<" in function.__qualname__:
        raise InvalidError(
            "%s is defined inside another function, where no container could import it: "
            "move it to the top of its module, or use serialized=True." % _called(function, name)
        )
    return module_name(function.__module__)


def _called(function: "Any", name: str) -> str:
    return name if isinstance(function, Cls) else name + "()"
