"""Options that programs name and Burrow does not have: hints, GPUs, old names and slips of the pen."""

from __future__ import annotations

from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterable

# Where a container runs and what it is billed as elsewhere: here there is one pool.
HINTS = ("region", "cloud", "nonpreemptible", "include_source")

# What earlier versions of Modal called it.
_RENAMED = {
    "concurrency_limit": "max_containers",
    "keep_warm": "min_containers",
    "container_idle_timeout": "scaledown_window",
    "allow_concurrent_inputs": "@burrow.concurrent(max_inputs=...)",
    "max_inputs": "@burrow.concurrent(max_inputs=...)",
}


def check_others(others: "dict[str, Any]", known: "Iterable[str]") -> None:
    """Lets hints pass, and says what is wrong with all else that is no option.

    Args:
        others: what was given beside the options.
        known: the options that there are.

    Raises:
        InvalidError: a GPU is asked for, or there is no such option; a near one is named.
    """
    for name, value in others.items():
        if name == "gpu":
            _refuse_gpu(value)
        elif name not in HINTS:
            raise InvalidError("There is no option %s%s" % (name, _advice(name, list(known))))


def _refuse_gpu(wanted: "Any") -> None:
    if wanted:
        raise InvalidError(
            "gpu=%r: this pool has no GPUs. Leave gpu out to run on processors." % (wanted,)
        )


def _advice(name: str, known: "list[str]") -> str:
    if name in _RENAMED:
        return ": use %s." % _RENAMED[name]
    import difflib  # in an error alone: it would add to each container's start

    near = difflib.get_close_matches(name, known, 1)
    if near:
        return ": is %s meant?" % near[0]
    return "; these there are: %s." % ", ".join(sorted(known))
