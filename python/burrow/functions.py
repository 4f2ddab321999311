"""Functions and their calls under the name that programs written for Modal import them by.

Example:
    call = burrow.functions.FunctionCall.from_id(call_id)
"""

from __future__ import annotations

from burrow.call import FunctionCall
from burrow.function import Function

__all__ = ["Function", "FunctionCall"]
