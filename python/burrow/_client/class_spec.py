"""Describes classes, and values of their parameters, to the server."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from burrow._marks import ABSENT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from burrow._class_parts import ClassParts
    from burrow.cls import Cls

_TYPES = {str: "TEXT", int: "NUMBER", bool: "FLAG", bytes: "DATA"}


def class_spec(cls: "Cls") -> "dict[str, Any]":
    """The ClassSpec message."""
    parts = cls.parts
    return {
        "methods": [
            {"name": name, "isGenerator": method.is_generator}
            for name, method in parts.methods.items()
        ],
        "parameters": [
            {
                "name": name,
                "type": "PARAMETER_TYPE_" + _TYPES[spec.type],
                **({} if spec.default is ABSENT else {"default": _parameter(name, spec.default)}),
            }
            for name, spec in parts.parameters.items()
        ],
        "hasExit": bool(parts.hooks_of("exit")),
    }


def class_parts(message: "dict[str, Any]") -> "ClassParts":
    """The parts that a ClassSpec message describes, of a class whose source is elsewhere."""
    from burrow._class_parts import ClassParts, Method, ParameterSpec

    parts = ClassParts()
    for method in message.get("methods", ()):
        name = method["name"]
        parts.methods[name] = Method(_elsewhere, name, bool(method.get("isGenerator")))
    kinds = {"PARAMETER_TYPE_" + word: kind for kind, word in _TYPES.items()}
    for spec in message.get("parameters", ()):
        default = _value(spec["default"]) if "default" in spec else ABSENT
        parts.parameters[spec["name"]] = ParameterSpec(spec["name"], kinds[spec["type"]], default)
    return parts


def _elsewhere(self: "Any", *args: "Any", **kwargs: "Any") -> "Any":
    raise AssertionError("a method whose source is not here was run")


def _value(message: "dict[str, Any]") -> "Any":
    if "data" in message:
        return a2b_base64(message["data"])
    if "number" in message:
        return int(message["number"])
    return message["flag"] if "flag" in message else message.get("text", "")


def parameters(values: "dict[str, Any]") -> "list[dict[str, Any]]":
    """Parameter messages, ordered by name."""
    return [_parameter(name, value) for name, value in sorted(values.items())]


def _parameter(name: str, value: "Any") -> "dict[str, Any]":
    if isinstance(value, bool):
        return {"name": name, "flag": value}
    if isinstance(value, int):
        return {"name": name, "number": str(int(value))}
    if isinstance(value, str):
        return {"name": name, "text": str(value)}
    return {"name": name, "data": b2a_base64(value, newline=False).decode("ascii")}
