"""Two built images against each other, apart from what a case explains."""

from __future__ import annotations

from typing import Dict, List

from cases import Case, Explained
from trees import CONFIG_FIELDS, Built, Entry, without_times_of_directories

ABSENT = "absent"


def differences(wanted: Built, found: Built, case: Case) -> "List[str]":
    """One line for each difference that is not explained, and for each explanation that is not true."""
    one = without_times_of_directories(wanted.tree, case.times)
    other = without_times_of_directories(found.tree, case.times)
    lines: "List[str]" = []
    by_place: "Dict[str, List[Explained]]" = {}
    for explained in case.explained:
        by_place.setdefault(explained.what, []).append(explained)
    for path in sorted(set(one) | set(other)):
        lines += _of_entry(path, one.get(path), other.get(path), by_place.get(path, []))
    for name in CONFIG_FIELDS:
        place = "config." + name
        lines += _of_value(
            place, wanted.config.get(name), found.config.get(name), by_place.get(place, [])
        )
    return lines


def _of_entry(
    path: str, wanted: "Entry | None", found: "Entry | None", explained: "List[Explained]"
) -> "List[str]":
    whole = [e for e in explained if not e.fields]
    if whole:
        if whole[0].burrow == ABSENT and found is not None:
            return ["%s should be absent (%s)" % (path, whole[0].key)]
        return []
    if wanted is None or found is None:
        what = "unexpected" if wanted is None else "missing"
        return ["%s: %s" % (what, path)]
    lines = []
    for field in sorted(set(wanted) | set(found)):
        why = [e for e in explained if field in e.fields]
        lines += _of_value("%s %s" % (path, field), wanted.get(field), found.get(field), why)
    return lines


def _of_value(
    place: str, wanted: object, found: object, explained: "List[Explained]"
) -> "List[str]":
    for one in explained:
        if one.burrow is not None and found != one.burrow:
            return ["%s is %r, not %r (%s)" % (place, found, one.burrow, one.key)]
        return []
    if wanted != found:
        return ["%s is %r, not %r" % (place, found, wanted)]
    return []


def explained_keys(cases: "List[Case]") -> "Dict[str, List[str]]":
    """Each key with the cases that use it."""
    keys: "Dict[str, List[str]]" = {}
    for case in cases:
        for explained in case.explained:
            if case.name not in keys.setdefault(explained.key, []):
                keys[explained.key].append(case.name)
    return keys
