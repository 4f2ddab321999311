"""`burrow call show`: one call, as a person looks at it."""

from __future__ import annotations

from burrow._client.config import load_config
from burrow._client.transport import Transport
from burrow.cli.tables import word
from burrow.cli.timing_chart import notes_of, waterfall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def show_call(call_id: str) -> int:
    """Prints the state, why it waits, and the waterfall."""
    view = Transport(load_config()).unary("CallViews/Show", {"callId": call_id})
    print("\n".join(describe_call(view)))
    return 0


def describe_call(view: "dict[str, Any]") -> "list[str]":
    """Lines about a CallView message."""
    state = word(view.get("state"), "CALL_STATE_")
    lines = [view.get("callId", "")]
    if view.get("function"):
        app = view.get("appName") or view.get("appId", "")
        lines.append("  function   %s() of %s" % (view["function"], app))
    result = view.get("result", {})
    if state == "finished":
        state = word(result.get("status"), "CALL_STATUS_").replace("_", " ")
    lines.append("  state      " + state)
    if view.get("why"):
        waiting = float(view.get("waitingMs", 0)) / 1000
        lines.append("  waits      for %.1f s: %s" % (waiting, view["why"]))
    if view.get("attempt"):
        lines.append("  attempt    %d" % view["attempt"])
    if view.get("containerId"):
        lines.append("  container  " + view["containerId"])
    error = result.get("error", {})
    if error:
        lines.append("  error      %s: %s" % (error.get("type", ""), error.get("message", "")))
    phases = {str(p.get("name", "")): float(p.get("ms", 0.0)) for p in result.get("phases", ())}
    if phases:
        title = "cold call" if result.get("cold") else "warm call"
        lines += ["", waterfall(title, phases).rstrip("\n")]
        lines += ["  " + note for note in notes_of(result)]
    return lines
