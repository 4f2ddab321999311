"""`burrow call`: a function of a deployed app from the command line, and what became of a call."""

from __future__ import annotations

import json
import sys

from burrow.exception import Error, InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace
    from typing import Any

USAGE = """usage: burrow call APP FUNCTION [ARGUMENT...] [--NAME VALUE...]
       burrow call show CALL

Calls a function of a deployed or served app and prints its value. Each ARGUMENT and VALUE is JSON, or text
where it is no JSON; --NAME alone is true, --no-NAME false. `show` tells where the call CALL is, why
it waits, and where its time went.
"""


def main(arguments: "list[str]") -> int:
    """Everything behind `burrow call`; returns the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.stdout.write(USAGE)
        return 0 if arguments else 2
    if arguments[0] == "show" and len(arguments) == 2 and arguments[1].startswith("fc-"):
        from burrow.cli.call_view import show_call

        return show_call(arguments[1])
    if len(arguments) < 2:
        sys.stderr.write(USAGE.partition("\n")[0] + "\nburrow call: error: FUNCTION is missing\n")
        return 2
    args, kwargs = parse_call_arguments(arguments[2:])
    return _call(arguments[0], arguments[1], args, kwargs)


def show_usage(options: "Namespace") -> int:
    """What the parser of all commands answers with."""
    sys.stdout.write(USAGE)
    return 2


def parse_call_arguments(texts: "list[str]") -> "tuple[list[Any], dict[str, Any]]":
    """(positional, by name) of JSON values and --kebab-case options.

    Raises:
        InvalidError: an option comes twice, or has no name.
    """
    args: "list[Any]" = []
    kwargs: "dict[str, Any]" = {}
    rest = list(texts)
    while rest:
        text = rest.pop(0)
        if text == "--":
            args.extend(_value(each) for each in rest)
            break
        if not text.startswith("--"):
            args.append(_value(text))
            continue
        option, equals, inline = text[2:].partition("=")
        value: "Any" = True
        if equals:
            value = _value(inline)
        elif rest and not rest[0].startswith("--"):
            value = _value(rest.pop(0))
        elif option.startswith("no-"):
            option, value = option[3:], False
        name = option.replace("-", "_")
        if not name.isidentifier() or name in kwargs:
            raise InvalidError("--%s is no name of a parameter, or comes twice." % option)
        kwargs[name] = value
    return args, kwargs


def _value(text: str) -> "Any":
    try:
        return json.loads(text)
    except ValueError:
        return text


def _call(app: str, name: str, args: "list[Any]", kwargs: "dict[str, Any]") -> int:
    from burrow.function import Function

    function = Function.from_name(app, name)
    is_generator = function.is_generator  # asks the server: its complaint is no traceback
    try:
        if is_generator:
            for item in function.remote_gen(*args, **kwargs):
                _print(item)
        else:
            _print(function.remote(*args, **kwargs))
    except Error:
        raise
    except Exception as error:
        from burrow.cli.traceback_text import traceback_text

        sys.stdout.flush()
        sys.stderr.write(traceback_text(error))
        return 1
    return 0


def _print(value: "Any") -> None:
    """JSON where it has that form, so that it can be read again; text as it is."""
    if isinstance(value, str):
        print(value)
    elif value is not None:
        try:
            print(json.dumps(value))
        except (TypeError, ValueError):
            print(value)
