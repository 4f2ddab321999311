"""The RunFunctionStep message."""

from __future__ import annotations

import functools
import json

from burrow import _serialization
from burrow._client import canonical_pickle
from burrow._client.files import check_total, hash_file
from burrow._client.function_spec import importable_module
from burrow._client.payload import dump_arguments, encode_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._client.compiled_image import CompiledImage
    from burrow._client.digest_cache import DigestCache


def function_step(
    content: "dict[str, Any]", compiled: "CompiledImage", cache: "DigestCache"
) -> None:
    """Adds the step of Image.run_function().

    Raises:
        InvalidError: no container could import the function, or its source cannot be read.
        SerializationError: an argument, or the function, cannot be pickled.
    """
    from burrow.function import Function

    function = content["function"]
    serialized = content["serialized"]
    if isinstance(function, Function):
        serialized = serialized or function.options.serialized
        function = function.__wrapped__
    name = getattr(function, "__name__", "function")
    spec: "dict[str, Any]" = {
        "name": name,
        "qualname": getattr(function, "__qualname__", name),
        "resources": content["resources"],
        "timeoutMs": int(content["timeout"] * 1000),
    }
    compiled.add_volumes(spec, content["volumes"])
    message: "dict[str, Any]" = {"function": spec}
    if serialized:
        data = _serialization.dumps_by_value(function, dump=canonical_pickle.dump)
        spec["pickled"] = json.loads(encode_json(data, compiled))
    else:
        spec["module"] = importable_module(function, name)
        message["source"] = _source(function, compiled, cache)
    arguments = _canonical_arguments(content, name)
    message["arguments"] = json.loads(encode_json(arguments, compiled))
    compiled.steps.append({"runFunction": message})


def _canonical_arguments(content: "dict[str, Any]", name: str) -> bytes:
    """The same bytes for equal arguments, whichever Python of this machine wrote them."""
    dumps = functools.partial(_serialization.dumps, dump=canonical_pickle.dump)
    kwargs = dict(sorted(content["kwargs"].items()))
    return _serialization.without_version(dump_arguments(content["args"], kwargs, name, dumps))


def _source(
    function: "Any", compiled: "CompiledImage", cache: "DigestCache"
) -> "list[dict[str, Any]]":
    from burrow._client.source import MAX_SOURCE, needed_files

    listed = needed_files(function.__module__)
    files = [hash_file(path, local, cache) for path, local in sorted(listed.items())]
    check_total(files, "The source of %s()" % function.__name__, MAX_SOURCE)
    compiled.files.extend(files)
    return [file.message() for file in files]
