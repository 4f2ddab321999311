"""Maps command-line arguments to a function's parameters by their type hints."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, ArgumentTypeError

from burrow._marks import ABSENT
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Any, Callable, Iterable

    from burrow.cls import Cls

_CO_VARARGS = 0x04
_CO_VARKEYWORDS = 0x08
_REQUIRED = object()
_NONE_TYPE = type(None)


class Parameter:
    """One parameter: `kind` is int, float, bool, str, datetime or date, several of it if `repeated`.

    With `choices` its value is one of them.
    """

    __slots__ = ("name", "kind", "repeated", "default", "choices")

    def __init__(
        self, name: str, kind: type, repeated: bool, default: "Any", choices: "tuple[Any, ...]" = ()
    ) -> None:
        self.name = name
        self.kind = kind
        self.repeated = repeated
        self.default = default
        self.choices = choices

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED


def parse_arguments(
    function: "Callable[..., Any]",
    arguments: "list[str]",
    program: str,
    others: "Iterable[Parameter]" = (),
) -> "dict[str, Any]":
    """The keyword arguments for `function`, which may be a bound method, and the values of `others`.

    Exits with code 2 and a usage message when the command line does not fit, with 0 after --help.

    Raises:
        InvalidError: the function has parameters that no option can stand for.
    """
    parser = ArgumentParser(
        prog=program,
        description=(function.__doc__ or "").strip().partition("\n")[0],
        allow_abbrev=False,
    )
    for parameter in (*others, *parameters_of(function)):
        _add_option(parser, parameter)
    return vars(parser.parse_args(arguments))


def parameters_of_class(cls: "Cls", function: "Callable[..., Any]") -> "list[Parameter]":
    """The parameters of a class as options beside those of its method `function`.

    Raises:
        InvalidError: no option can stand for one that must be given, or the method has one of the name.
    """
    parameters = []
    for name, spec in cls.parts.parameters.items():
        required = spec.default is ABSENT
        if spec.type is bytes and not required:
            continue
        if spec.type is bytes:
            raise InvalidError(
                "The parameter %s of %s is bytes, which the command line cannot give: call the method "
                "in a local entrypoint." % (name, cls.name)
            )
        if name in _names_of(function):
            raise InvalidError(
                "%s and its method %s() both have a parameter %s, which the command line cannot tell "
                "apart: rename one, or call the method in a local entrypoint."
                % (cls.name, function.__name__, name)
            )
        parameters.append(
            Parameter(name, spec.type, False, _REQUIRED if required else spec.default)
        )
    return parameters


def takes_everything(function: "Callable[..., Any]") -> bool:
    """Whether *args are all its parameters: then it gets the command line's words as they are."""
    code: "CodeType" = function.__code__
    variadic = bool(code.co_flags & _CO_VARARGS) and not code.co_flags & _CO_VARKEYWORDS
    return variadic and not _names_of(function)


def _names_of(function: "Callable[..., Any]") -> "tuple[str, ...]":
    """The names of the parameters that its callers fill, which those of a method's instance are not."""
    code: "CodeType" = function.__code__
    bound = getattr(function, "__self__", None) is not None
    return code.co_varnames[int(bound) : code.co_argcount + code.co_kwonlyargcount]


def parameters_of(function: "Callable[..., Any]") -> "list[Parameter]":
    """The parameters of a function with their kinds, read without the costly `inspect`."""
    code: "CodeType" = function.__code__
    if code.co_flags & (_CO_VARARGS | _CO_VARKEYWORDS):
        raise InvalidError(
            "%s() takes *args beside others, or **kwargs, which the command line cannot fill: name its "
            "parameters, or take *args alone." % function.__name__
        )
    if code.co_posonlyargcount:
        raise InvalidError(
            "%s() has positional-only parameters, which the command line cannot fill."
            % function.__name__
        )
    names = _names_of(function)
    count = len(names) - code.co_kwonlyargcount
    positional_defaults = function.__defaults__ or ()
    defaults = dict(zip(names[count - len(positional_defaults) : count], positional_defaults))
    defaults.update(function.__kwdefaults__ or {})
    hints = _hints(function)
    parameters = []
    for name in names:
        default = defaults.get(name, _REQUIRED)
        hint, repeated, optional = _shape_of(hints.get(name), default)
        kind, choices = _kind_of(function, name, hint)
        if repeated and kind is bool:
            raise _unknown_type(function, name)
        if optional and default is _REQUIRED:
            default = None
        parameters.append(Parameter(name, kind, repeated, default, choices))
    return parameters


def _hints(function: "Callable[..., Any]") -> "dict[str, Any]":
    hints = function.__annotations__
    if not any(isinstance(hint, str) for hint in hints.values()):
        return hints
    from typing import get_type_hints

    try:
        return get_type_hints(function)
    except Exception as error:
        raise InvalidError(
            "The type hints of %s() cannot be evaluated: %s." % (function.__name__, error)
        ) from None


def _shape_of(hint: "Any", default: "Any") -> "tuple[Any, bool, bool]":
    """(one value's hint, repeated, optional) of a type hint; without one, of the default's type."""
    optional = False
    if hint is None:
        hint = type(default) if default not in (None, _REQUIRED) else str
    if _is_union(hint):
        rest = [item for item in hint.__args__ if item is not _NONE_TYPE]
        optional = len(rest) < len(hint.__args__)
        hint = rest[0] if len(rest) == 1 else None
    repeated = hint is list or getattr(hint, "__origin__", None) is list
    if repeated:
        inner = getattr(hint, "__args__", None) or (None,)
        known = isinstance(inner[0], type) or _is_literal(inner[0])
        hint = inner[0] if known else str
    return hint, repeated, optional


def _kind_of(
    function: "Callable[..., Any]", name: str, hint: "Any"
) -> "tuple[type, tuple[Any, ...]]":
    """The type of one value, and the only values that it may have."""
    if _is_literal(hint):
        choices = hint.__args__
        kinds = {type(choice) for choice in choices}
        if len(kinds) == 1 and kinds <= {int, str}:
            return kinds.pop(), choices
    elif hint in (int, float, bool, str) or _is_date(hint):
        return hint, ()
    raise _unknown_type(function, name)


def _unknown_type(function: "Callable[..., Any]", name: str) -> InvalidError:
    return InvalidError(
        "The parameter %s of %s() has a type that the command line cannot give: use int, float, "
        "bool, str, datetime, date, Literal, Optional or list of these." % (name, function.__name__)
    )


def _is_literal(hint: "Any") -> bool:
    typing = sys.modules.get("typing")
    return typing is not None and getattr(hint, "__origin__", None) is typing.Literal


def _is_date(hint: "Any") -> bool:
    # Whoever names the type has imported the module.
    datetime = sys.modules.get("datetime")
    return datetime is not None and hint in (datetime.datetime, datetime.date)


def _is_union(hint: "Any") -> bool:
    if type(hint).__name__ == "UnionType":
        return True
    typing = sys.modules.get("typing")
    return typing is not None and getattr(hint, "__origin__", None) is typing.Union


def _add_option(parser: ArgumentParser, parameter: Parameter) -> None:
    flag = "--" + parameter.name.replace("_", "-")
    default = None if parameter.required else parameter.default
    note = "required" if parameter.required else "default: %s" % (default,)
    if parameter.kind is bool:
        group = parser.add_mutually_exclusive_group(required=parameter.required)
        for prefix, value in (("--", True), ("--no-", False)):
            group.add_argument(
                prefix + flag[2:],
                dest=parameter.name,
                action="store_const",
                const=value,
                default=default,
                help=note.replace("%", "%%") if value else "the opposite",
            )
        return
    several: "dict[str, Any]" = {"nargs": "*"} if parameter.repeated else {}
    if parameter.choices:
        several["choices"] = parameter.choices
    else:
        several["metavar"] = parameter.kind.__name__.upper()
    parser.add_argument(
        flag,
        dest=parameter.name,
        type=_CONVERTERS.get(parameter.kind) or _dates_of(parameter.kind),
        required=parameter.required,
        default=default,
        help=note.replace("%", "%%"),
        **several,
    )


def _integer(text: str) -> int:
    try:
        return int(text, 0) if text[:2].lower() in ("0x", "0b", "0o") else int(text)
    except ValueError:
        raise ArgumentTypeError("%r is no whole number" % text) from None


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise ArgumentTypeError("%r is no number" % text) from None


def _dates_of(kind: "Any") -> "Callable[[str], Any]":
    def convert(text: str) -> "Any":
        try:
            # Before Python 3.11 it does not know the Z of UTC.
            return kind.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
        except ValueError:
            raise ArgumentTypeError(
                "%r is no %s as ISO 8601 writes it, like 2026-01-31%s"
                % (text, kind.__name__, "T12:00" if kind.__name__ == "datetime" else "")
            ) from None

    return convert


_CONVERTERS: "dict[type, Callable[[str], Any]]" = {int: _integer, float: _float, str: str}
