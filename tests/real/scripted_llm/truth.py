"""What the server was asked and what it said: one record a request, and the sums a test compares
with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

from .script import Usage

SIDE = "side"
"""The script name of requests outside the conversation: titles, topic checks, routing,
summaries."""
EXHAUSTED = "exhausted"
"""The script name of requests that came after a script's last step: a test should find none."""


@dataclass
class Made:
    """One tool call that was sent, and what the agent said of it in a later request."""

    id: str
    name: str
    args: dict[str, Any]
    ops: tuple[str, ...] = ()
    """The neutral words it stands for."""
    result: str | None = None
    """The text the agent sent back; None where no later request brought one."""
    is_error: bool | None = None
    """As the agent marked it; None where the API has no such mark."""


@dataclass
class Request:
    """One model request."""

    n: int
    at: float
    """Seconds since the session was made, when the request was read."""
    api: str
    path: str
    model: str
    stream: bool
    script: str
    """`main`, a sub-agent's name, `side` or `exhausted`."""
    step: int | None
    status: int = 200
    ended: str = "whole"
    """How the answer ended: `whole`, `error`, `cut` (by the script), `gone` (the agent closed the
    connection)."""
    reply_id: str = ""
    usage: Usage | None = None
    """What the answer said, or would have said had it ended whole."""
    begun: Usage | None = None
    """What the first event of the streamed answer said: all that an agent knows of one that was
    cut."""
    usage_raw: dict[str, Any] = field(default_factory=dict)
    calls: list[Made] = field(default_factory=list)
    offered: list[str] = field(default_factory=list)
    """Names of the tools that the agent offered."""


def truth(requests: Iterable[Request]) -> dict[str, Any]:
    """The sums over requests that ended whole: of the conversation, by script and by model, of side
    requests apart."""
    requests = list(requests)
    whole = [one for one in requests if one.ended == "whole" and one.usage]
    talk = [one for one in whole if one.script not in (SIDE, EXHAUSTED)]
    calls = [
        (one, call)
        for one in requests
        if one.script != SIDE and one.ended == "whole"
        for call in one.calls
    ]
    return {
        "requests": [{**asdict(one), "calls": [call.id for call in one.calls]} for one in requests],
        "requests_by_script": dict(Counter(one.script for one in requests)),
        "requests_by_end": dict(Counter(one.ended for one in requests)),
        "tokens": _sum(talk),
        "tokens_by_script": {
            name: _sum(one for one in whole if one.script == name)
            for name in _names(whole, "script")
        },
        "tokens_by_model": {
            name: _sum(one for one in talk if one.model == name) for name in _names(talk, "model")
        },
        "tokens_side": _sum(one for one in whole if one.script == SIDE),
        "tokens_unfinished": _sum(one for one in requests if one.ended in ("cut", "gone")),
        "tokens_begun": _total(
            one.begun for one in requests if one.ended in ("cut", "gone") and one.begun
        ),
        "tool_calls": [
            {"request": one.n, "script": one.script, **asdict(call)} for one, call in calls
        ],
        "tool_calls_by_name": dict(Counter(call.name for _, call in calls)),
    }


def _names(requests: list[Request], key: str) -> list[str]:
    return list(dict.fromkeys(getattr(one, key) for one in requests))


def _sum(requests: Iterable[Request]) -> dict[str, int]:
    return _total(one.usage or Usage() for one in requests)


def _total(usages: Iterable[Usage]) -> dict[str, int]:
    return asdict(sum(usages, Usage()))
