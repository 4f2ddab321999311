"""What an `@app.cls()` class consists of: read where it is decorated, used there and in containers."""

from __future__ import annotations

from burrow import _marks
from burrow._marks import ABSENT, MethodMark, Parameter, yields
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from burrow._marks import Batching

_CO_VARIADIC = 0x0C

_PARTS = "_burrow_parts"
# On an instance: what `self.predict` is to be, where it is more than the plain method.
REMOTE = "_burrow_remote"

# The instance that this container serves, and its parameters.
served_instance: "Any" = None
served_values: "dict[str, Any]" = {}

_REMOTE_CALLS = ("remote", "remote_gen", "spawn", "map", "starmap", "for_each", "spawn_map")

_TYPES = {"str": str, "int": int, "bool": bool, "bytes": bytes}
_LARGEST = 1 << 63


class Method:
    """A decorated method: `self.predict(x)` runs it here, `self.predict.local` and `.remote` work, too."""

    __slots__ = ("raw", "name", "is_generator")

    def __init__(self, raw: "Callable[..., Any]", name: str, is_generator: bool) -> None:
        self.raw = raw
        self.name = name
        self.is_generator = is_generator

    def __get__(self, instance: "Any", owner: "Any" = None) -> "Any":
        if instance is None:
            return self
        remote = getattr(instance, "__dict__", {}).get(REMOTE, _LocalMethod)
        return remote(self.name, self.raw.__get__(instance, owner))


class _LocalMethod:
    """A method of an instance that lives in a container."""

    __slots__ = ("_name", "_bound")

    def __init__(self, name: str, bound: "Callable[..., Any]") -> None:
        self._name = name
        self._bound = bound

    def __call__(self, *args: "Any", **kwargs: "Any") -> "Any":
        return self._bound(*args, **kwargs)

    def local(self, *args: "Any", **kwargs: "Any") -> "Any":
        """Runs the method on this instance."""
        return self._bound(*args, **kwargs)

    def __getattr__(self, attribute: str) -> "Any":
        if attribute in _REMOTE_CALLS:
            from burrow.cls import served_method

            return getattr(served_method(self._name, self._bound), attribute)
        return getattr(self._bound, attribute)


class ParameterSpec:
    """A parameter's name, type and default; ABSENT where callers must give a value."""

    __slots__ = ("name", "type", "default")

    def __init__(self, name: str, kind: type, default: "Any") -> None:
        self.name = name
        self.type = kind
        self.default = default


class ClassParts:
    """Methods and hooks in the order of their definition, base classes first."""

    __slots__ = ("methods", "hooks", "parameters", "batching")

    def __init__(self) -> None:
        self.methods: "dict[str, Method]" = {}
        self.hooks: "dict[str, str]" = {}  # name of the method to snap_enter, enter or exit
        self.parameters: "dict[str, ParameterSpec]" = {}
        self.batching: "Batching | None" = None

    def hooks_of(self, kind: str) -> "list[str]":
        """Names of the methods that are hooks of one kind."""
        return [name for name, found in self.hooks.items() if found == kind]

    def enter_hooks(self) -> "list[str]":
        """Names of the enter hooks in the order in which they run."""
        return self.hooks_of("snap_enter") + self.hooks_of("enter")


def parts_of(user_class: type) -> ClassParts:
    """The parts of a class, which the first look prepares: marked methods become Method objects.

    Raises:
        InvalidError: it cannot be an `@app.cls()` class; the message says why.
    """
    known = user_class.__dict__.get(_PARTS)
    if isinstance(known, ClassParts):
        return known
    parts = ClassParts()
    for base in reversed(user_class.__mro__):
        for name, value in list(vars(base).items()):
            _add(parts, user_class, base, name, value)
    _check_constructor(user_class)
    _check_batching(user_class, parts)
    if not parts.methods:
        raise InvalidError(
            "The class %s has no method that could be called: decorate one with @burrow.method()."
            % user_class.__name__
        )
    setattr(user_class, _PARTS, parts)
    return parts


def _add(parts: ClassParts, user_class: type, base: type, name: str, value: "Any") -> None:
    if isinstance(value, Parameter):
        return _add_parameter(parts, user_class, base, name, value)
    if isinstance(value, Method):
        parts.methods[name] = value
        return
    hook = getattr(value, _marks.HOOK, None) if callable(value) else None
    batching = getattr(value, _marks.BATCHING, None) if callable(value) else None
    mark = getattr(value, _marks.METHOD, None) if callable(value) else None
    if getattr(value, _marks.CONCURRENCY, None) is not None and not isinstance(value, type):
        raise InvalidError(
            "@burrow.concurrent() is written above the class %s, not above its method %s."
            % (user_class.__name__, name)
        )
    if hook is not None:
        parts.hooks.pop(name, None)
        parts.hooks[name] = hook
    elif mark is not None or batching is not None:
        _add_method(parts, base, name, value, mark, batching)
    elif name in parts.methods or name in parts.hooks:  # a subclass defines it anew, without a mark
        parts.methods.pop(name, None)
        parts.hooks.pop(name, None)


def _add_method(
    parts: ClassParts,
    base: type,
    name: str,
    raw: "Callable[..., Any]",
    mark: "MethodMark | None",
    batching: "Batching | None",
) -> None:
    said = None if mark is None else mark.is_generator
    method = Method(raw, name, yields(raw) if said is None else said)
    setattr(base, name, method)
    parts.methods[name] = method
    if batching is not None:
        parts.batching = batching


def _add_parameter(
    parts: ClassParts, user_class: type, base: type, name: str, value: Parameter
) -> None:
    if value.init:
        kind = _type_of(user_class, base, name)
        default = value.default
        if default is not ABSENT:
            default = check_value(user_class.__name__, name, kind, default)
        parts.parameters[name] = ParameterSpec(name, kind, default)
    if base is not user_class:
        return  # the base's own affair
    if value.default is ABSENT:
        delattr(user_class, name)
    else:
        setattr(user_class, name, value.default)


def _type_of(user_class: type, base: type, name: str) -> type:
    said = base.__dict__.get("__annotations__", {}).get(name)
    if said is None:  # Python 3.14 and newer make them when asked
        said = getattr(base, "__annotations__", {}).get(name)
    kind = _TYPES.get(said if isinstance(said, str) else getattr(said, "__name__", ""))
    if kind is None or not (isinstance(said, str) or said is kind):
        raise InvalidError(
            "The parameter %s of %s needs a type among str, int, bool and bytes, "
            "like %s: int = burrow.parameter()." % (name, user_class.__name__, name)
        )
    return kind


def check_value(class_name: str, name: str, kind: type, value: "Any") -> "Any":
    """The value of a parameter. Raises InvalidError for one of another type."""
    fits = type(value) is kind or kind is not bool and isinstance(value, kind)
    if not fits or (kind is int and isinstance(value, bool)):
        raise InvalidError(
            "The parameter %s of %s takes %s, not %r." % (name, class_name, kind.__name__, value)
        )
    if kind is int and not -_LARGEST <= value < _LARGEST:
        raise InvalidError("The parameter %s of %s takes 64 bits." % (name, class_name))
    return value


def check_values(class_name: str, parts: ClassParts, values: "dict[str, Any]") -> "dict[str, Any]":
    """Values for all parameters, defaults filled in. Raises InvalidError where that cannot be."""
    for name in values:
        if name not in parts.parameters:
            raise InvalidError(
                "%s has no parameter %s; it has %s."
                % (class_name, name, ", ".join(parts.parameters) or "none")
            )
    full = {}
    for name, spec in parts.parameters.items():
        value = values.get(name, spec.default)
        if value is ABSENT:
            raise InvalidError("%s needs its parameter %s." % (class_name, name))
        full[name] = check_value(class_name, name, spec.type, value)
    return full


def construct(user_class: type, values: "dict[str, Any]") -> "Any":
    """An instance with these parameters, before its enter hooks have run."""
    made: "Any" = user_class
    instance = made.__new__(made)
    for name, value in values.items():
        setattr(instance, name, value)
    made.__init__(instance)
    return instance


def _check_constructor(user_class: type) -> None:
    for base in user_class.__mro__:
        own = base.__dict__.get("__init__")
        code = getattr(own, "__code__", None)
        if own is None or code is None:
            continue
        named = code.co_argcount - 1 + code.co_kwonlyargcount
        needed = named - len(own.__defaults__ or ()) - len(own.__kwdefaults__ or ())
        if needed > 0 or (base is user_class and (named > 0 or code.co_flags & _CO_VARIADIC)):
            raise InvalidError(
                "%s.__init__() takes arguments, which containers cannot be given: declare them as "
                "parameters (size: int = burrow.parameter()) and do the work in a method under "
                "@burrow.enter()." % user_class.__name__
            )
        return


def _check_batching(user_class: type, parts: ClassParts) -> None:
    if parts.batching is None:
        return
    if len(parts.methods) > 1:
        raise InvalidError(
            "%s has a @burrow.batched() method beside others (%s): it must be the only one."
            % (user_class.__name__, ", ".join(parts.methods))
        )
    if any(method.is_generator for method in parts.methods.values()):
        raise InvalidError(
            "%s has a @burrow.batched() method that yields: it must return a list."
            % user_class.__name__
        )
