"""Ids that the client chooses: a prefix and 26 of [0-9a-z]."""

from __future__ import annotations

from os import urandom


def new_call_id() -> str:
    """A fresh call id."""
    return "fc-" + urandom(13).hex()


def new_group_id() -> str:
    """A fresh id of a group of calls."""
    return "fg-" + urandom(13).hex()
