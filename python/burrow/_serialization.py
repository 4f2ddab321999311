"""Values as bytes between client and container.

Plain pickle carries what an import can find on the other side. What it cannot, such as lambdas and
anything of `__main__`, cloudpickle carries by value; its source then travels along, so that the
image need not have it. Each value ends with the writer's Python version, after the pickle's end
where readers ignore it, so that a reader who fails can name both versions.
"""

from __future__ import annotations

import sys

from burrow.exception import DeserializationError, SerializationError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, NoReturn, Optional, Union

    Dump = Callable[[Any, Any], bytes]

try:  # the C half alone: `pickle` itself would add 2 ms to a container's cold start
    _pickle: Any = __import__("_pickle")
except ImportError:  # an interpreter without it
    _pickle = __import__("pickle")

PYTHON = "%d.%d.%d" % sys.version_info[:3]

_PROTOCOL = 5  # the newest that Python 3.8 reads
_MARK = b"burrow:python="
_TRAILER = _MARK + b"%d.%d" % sys.version_info[:2]

NONE: bytes = _pickle.dumps(None, _PROTOCOL) + _TRAILER


def _dump(obj: Any, cloudpickle: Any) -> bytes:
    return (cloudpickle or _pickle).dumps(obj, protocol=_PROTOCOL)


def dumps(obj: Any, *, what: str, carry: bool = True, dump: Optional[Dump] = None) -> bytes:
    """Pickles `obj` for the other side.

    `what` names it in errors, as in "argument 2 of square". With `carry`, cloudpickle's source goes
    along where it is needed. `dump` pickles, by value where it is given cloudpickle. Raises
    SerializationError, which says what to do.
    """
    try:
        data = _pickle.dumps(obj, _PROTOCOL) if dump is None else dump(obj, None)
    except MemoryError:
        raise
    except Exception as error:
        return _by_value(obj, what, carry, error, dump or _dump)
    if b"__main__" in data:
        return _by_value(obj, what, carry, None, dump or _dump)
    return data + _TRAILER


def dumps_by_value(function: Callable[..., Any], *, dump: Dump = _dump) -> bytes:
    """Pickles a function with its code and the globals that it uses, for `serialized=True`.

    `dump` is as of `dumps`. Raises SerializationError where cloudpickle is missing or the function
    holds what cannot travel.
    """
    name = getattr(function, "__qualname__", repr(function))
    cloudpickle = _cloudpickle()
    if cloudpickle is None:
        raise SerializationError(
            "%s is to be serialized by value, which needs cloudpickle: install it here with "
            '"python3 -m pip install cloudpickle" or drop serialized=True' % name
        )
    module = sys.modules.get(getattr(function, "__module__", None) or "")
    register = getattr(cloudpickle, "register_pickle_by_value", None)
    registered = (
        register is not None
        and module is not None
        and module.__name__ != "__main__"
        and module.__name__ not in cloudpickle.list_registry_pickle_by_value()
    )
    if registered and register is not None:
        register(module)
    try:
        data = dump(function, cloudpickle)
    except Exception as error:
        raise SerializationError(
            "function %s cannot be pickled by value: %s; make what it uses inside its body"
            % (name, error)
        ) from None
    finally:
        if registered:
            cloudpickle.unregister_pickle_by_value(module)
    return _with_carrier(data, cloudpickle)


def loads(data: Union[bytes, bytearray, memoryview]) -> Any:
    """Reads back what `dumps` or `dumps_by_value` made.

    Raises DeserializationError, which names what is missing here, both Python versions where they
    differ, and the way out.
    """
    try:
        return _pickle.loads(data)
    except (MemoryError, SerializationError):
        raise
    except Exception as error:
        raise DeserializationError(_explain(error, _writer(data))) from error


def raise_remote(error: Dict[str, Any], pickled: Optional[bytes], status: str) -> NoReturn:
    """Raises here what failed in a container.

    `error` is the JSON form of burrow.v1.CallError, `pickled` the exception's bytes if there are
    any, `status` the name of a burrow.v1.CallStatus. What the function raised comes back as that
    object, with the remote frames in its traceback; the rest as a class of burrow.exception.
    """
    from burrow import _remote_traceback

    raise _remote_traceback.rebuild(error, pickled, status)


def without_version(data: bytes) -> bytes:
    """What `dumps` or `dumps_by_value` made, without the version of the Python that did."""
    return data[: -len(_TRAILER)]


def _by_value(obj: Any, what: str, carry: bool, error: Optional[Exception], dump: Dump) -> bytes:
    cloudpickle = _cloudpickle()
    if cloudpickle is None:
        return _without_cloudpickle(obj, what, error, dump)
    try:
        data = dump(obj, cloudpickle)
    except MemoryError:
        raise
    except Exception as failure:
        raise SerializationError(
            "%s cannot be pickled: %s; pass plain data, and open files, locks and connections "
            "inside the function" % (what, failure)
        ) from None
    if b"cloudpickle" not in data:
        return data + _TRAILER
    return _with_carrier(data, cloudpickle) if carry else data + _TRAILER


def _without_cloudpickle(obj: Any, what: str, error: Optional[Exception], dump: Dump) -> bytes:
    if error is None:
        from burrow._main_references import name_in_main

        name = name_in_main(obj)
        if name is None:
            return dump(obj, None) + _TRAILER
        reason = "%s is defined in __main__, which the other side does not have" % name
    else:
        reason = str(error)
    raise SerializationError(
        "%s cannot be pickled: %s; pass plain data or objects of a module's top level, or install "
        "cloudpickle (Python %s has none here)" % (what, reason, PYTHON)
    ) from None


def _with_carrier(data: bytes, cloudpickle: Any) -> bytes:
    from burrow._carrier import Carrier

    carried: bytes = _pickle.dumps(Carrier(data, cloudpickle), _PROTOCOL)
    return carried + _TRAILER


def _cloudpickle() -> Any:
    try:
        return __import__("cloudpickle")
    except ImportError:
        return None


def _writer(data: Union[bytes, bytearray, memoryview]) -> str:
    """The Python version that wrote `data`, such as "3.11"; empty if it does not say."""
    _, mark, version = bytes(data[-32:]).rpartition(_MARK)
    return version.decode("ascii", "replace") if mark else ""


def _explain(error: Exception, writer: str) -> str:
    here = "%d.%d" % sys.version_info[:2]
    versions = ""
    if writer and writer != here:
        versions = " (written by Python %s, read by Python %s)" % (writer, here)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return (
            "a pickled value needs module %s, which this Python does not have%s: add it to the "
            "function's image, or install it where the value is read" % (error.name, versions)
        )
    return (
        "a pickled value cannot be read back%s: %s: %s; give both sides the same minor version of Python, "
        "such as by debian_slim(python_version=...), and the same versions of packages, such as by "
        'pip_install("NAME==VERSION"), or pass plain data' % (versions, type(error).__name__, error)
    )
