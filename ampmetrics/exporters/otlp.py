"""OpenTelemetry traces with the GenAI conventions' attribute names, as OTLP JSON lines.

A session is a trace; an iteration the span `invoke_agent`, in it a model request the span `chat`
and a tool call the span `execute_tool`. What the conventions have no word for (file edits, git,
tests, sums of tokens) is an event of the iteration's span. Names of our own begin `ampmetrics.`;
`ampmetrics.event` holds an event as it was written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ampmetrics import __version__
from ampmetrics.exporters.conversations import (
    Conversation,
    Lost,
    Row,
    Values,
    conversations,
    dumped,
    last,
)
from ampmetrics.exporters.written import Written, number

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["otlp"]

_AT_ONCE = 1000
"""Spans of one line: who reads it holds it as a whole."""
_INTERNAL, _CLIENT = 1, 3
_ERROR = 2
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROVIDERS = {
    "google": "gcp.gen_ai",
    "aws": "aws.bedrock",
    "azure": "azure.ai.openai",
    "mistral": "mistral_ai",
    "x-ai": "x_ai",
}
"""Providers of the price data that the conventions spell otherwise."""
_REQUEST = {
    "message_id": "gen_ai.response.id",
    "model": "gen_ai.response.model",
    "prompt_tokens": "gen_ai.usage.input_tokens",
    "completion_tokens": "gen_ai.usage.output_tokens",
    "cache_read_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_write_tokens": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
}
_CALL = {
    "tool_name": "gen_ai.tool.name",
    "tool_call_id": "gen_ai.tool.call.id",
    "args": "gen_ai.tool.call.arguments",
}
_ITERATION = {
    "agent": "gen_ai.agent.name",
    "agent_version": "gen_ai.agent.version",
    "model": "gen_ai.request.model",
}
_IDS = ("run_id", "case_id", "variant", "trial")
_ELSEWHERE = frozenset(("session_id", "timestamp", "started_at", "ended_at", "message", *_IDS))
_LATEST = 2**63
"""ns, which is beyond the year 2262"""


def otlp(con: DuckDBPyConnection, target: Path) -> Written:
    """A file of OTLP JSON, one request of up to a thousand spans a line, session by session.

    A model request of which only the end is known is a span that begins where it ends.
    """
    lost, traces, spans = Lost(), 0, 0
    with target.open("x", encoding="utf-8", newline="\n") as file:
        for conversation in conversations(con, lost):
            found = list(_spans(conversation))
            traces += 1
            spans += len(found)
            for start in range(0, len(found), _AT_ONCE):
                file.write(_line(conversation, found[start : start + _AT_ONCE]) + "\n")
    what = f"{number(traces, 'trace')} of {number(spans, 'span')}"
    return Written(what, lost.sentences())


def _line(conversation: Conversation, spans: list[Values]) -> str:
    scope = {"name": "ampmetrics", "version": __version__}
    ids = {name: last([row.values for row in conversation.rows], name) for name in _IDS}
    trials = conversation.of("trials")
    resource = {
        "service.name": "ampmetrics",
        "ampmetrics.file": conversation.file,
        "ampmetrics.conversation": conversation.name,
        **{f"ampmetrics.{name}": value for name, value in ids.items()},
        "ampmetrics.outcome": last(trials, "outcome"),
    }
    return dumped(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": _attributes(resource)},
                    "scopeSpans": [{"scope": scope, "spans": spans}],
                }
            ]
        }
    )


def _spans(conversation: Conversation) -> Iterator[Values]:
    """The span of each iteration, then those within it."""
    trace = _id(32, conversation.file, str(conversation.session_id))
    of_iteration: dict[Any, list[Row]] = {}
    for row in conversation.rows:
        of_iteration.setdefault(row.values.get("iteration_id"), []).append(row)
    for iteration, rows in of_iteration.items():
        parent = _id(16, trace, "iteration", str(iteration))
        spans = []
        others = []
        for row in rows:
            span = _child(row, conversation) if _is_child(row) else None
            if span is None:
                others.append(row)
            else:
                own = {"spanId": _id(16, parent, str(row.place)), "parentSpanId": parent}
                spans.append({"traceId": trace, **own, **span})
        yield {"traceId": trace, "spanId": parent, **_iteration(conversation, others, spans)}
        yield from spans


def _is_child(row: Row) -> bool:
    is_request = row.table == "llm_usage" and row.values.get("scope") == "request"
    return is_request or row.table == "tool_calls"


def _iteration(conversation: Conversation, rows: list[Row], spans: list[Values]) -> Values:
    """The span of an iteration; of one of which nothing has a time it begins at 0."""
    own: Values = {}
    for row in rows:
        own |= row.values if row.table == "iterations" else {}
    times = [int(span[key]) for span in spans for key in ("startTimeUnixNano", "endTimeUnixNano")]
    known = (_nanos(row.values.get(name)) for row in rows for name in _TIMES)
    times += [at for at in known if at is not None]
    start, end = _nanos(own.get("started_at")), _nanos(own.get("ended_at"))
    messages = [
        row.values["message"]
        for row in rows
        if row.table == "user_messages" and "message" in row.values
    ]
    # What was done outside of every iteration invoked no agent.
    invoked = bool(own or spans)
    attributes = {
        "gen_ai.operation.name": "invoke_agent" if invoked else None,
        "gen_ai.conversation.id": conversation.session_id,
        **_named(own, _ITERATION),
        "gen_ai.input.messages": _messages(messages),
        "error.type": None if own.get("status", "success") == "success" else own["status"],
        "ampmetrics.is_finished": end is not None if invoked else None,
    }
    name = " ".join(["invoke_agent", *([own["agent"]] if "agent" in own else [])])
    begin = min(times, default=0) if start is None else start
    return {
        "name": name if invoked else "ampmetrics.outside_iterations",
        "kind": _CLIENT if invoked else _INTERNAL,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(max([begin, *times] if end is None else [begin, end])),
        "attributes": _attributes(attributes),
        "events": [_event(row) for row in rows],
        "status": _status(own.get("status", "success") != "success", own.get("reason")),
    }


_TIMES = ("started_at", "timestamp", "ended_at")


def _event(row: Row) -> Values:
    """An event, whose time is left out where it has none."""
    # Of an iteration and its prompt the span tells it.
    hidden = row.values if row.table in ("iterations", "user_messages") else _ELSEWHERE
    values = {f"ampmetrics.{name}": row.values[name] for name in row.values if name not in hidden}
    known = (_nanos(row.values.get(name)) for name in ("timestamp", "started_at", "ended_at"))
    at = next((each for each in known if each is not None), None)
    return {
        **({} if at is None else {"timeUnixNano": str(at)}),
        "name": f"ampmetrics.{row.table or 'event'}",
        "attributes": _attributes({**values, **_whole(row)}),
    }


def _whole(row: Row) -> Values:
    """The event itself."""
    return {"ampmetrics.place": row.place, "ampmetrics.event": row.event}


def _child(row: Row, conversation: Conversation) -> Values | None:
    """The span of a request or a call; null where no time of it is known."""
    table, values = row.table, row.values
    end = _nanos(values.get("ended_at", values.get("timestamp")))
    start = _nanos(values.get("started_at"))
    if end is None and start is None:
        return None
    spent = values.get("latency_ms", -1) * 1_000_000
    if table == "llm_usage" and end is not None and 0 <= spent <= end:
        start = end - round(spent)
    begin = int(end or 0) if start is None else start
    # A call without a result has no end: it is told as begun.
    over = begin if end is None or (table == "tool_calls" and "ended_at" not in values) else end
    failed = values.get("success") is False
    attributes = {
        "gen_ai.operation.name": "chat" if table == "llm_usage" else "execute_tool",
        "gen_ai.conversation.id": conversation.session_id,
        **_named(values, _REQUEST if table == "llm_usage" else _CALL),
        "gen_ai.provider.name": _provider(values),
        "error.type": "tool_error" if failed else None,
        **_whole(row),
    }
    of = values.get("model") if table == "llm_usage" else values.get("tool_name")
    name = attributes["gen_ai.operation.name"]
    return {
        "name": f"{name} {of}" if of else name,
        "kind": _CLIENT if table == "llm_usage" else _INTERNAL,
        "startTimeUnixNano": str(begin),
        "endTimeUnixNano": str(max(begin, over)),
        "attributes": _attributes(attributes),
        "status": _status(failed, values.get("error_message")),
    }


def _named(row: Values, names: dict[str, str]) -> Values:
    """Columns by the conventions' names, the others that are known by our own."""
    hidden = _ELSEWHERE | {"status", "reason", "error_message"}
    shown = {names.get(name, f"ampmetrics.{name}"): row[name] for name in row if name not in hidden}
    if isinstance(shown.get("gen_ai.tool.call.arguments"), dict | list):
        shown["gen_ai.tool.call.arguments"] = dumped(shown["gen_ai.tool.call.arguments"])
    return shown


def _provider(row: Values) -> str | None:
    """The provider as the conventions spell it; null where the price data did not tell one."""
    name, slash, _ = str(row.get("price_row", "")).partition("/")
    return _PROVIDERS.get(name, name) if slash and ":" not in name else None


def _messages(texts: list[str]) -> str | None:
    if not texts:
        return None
    return dumped(
        [{"role": "user", "parts": [{"type": "text", "content": text}]} for text in texts]
    )


def _status(failed: bool, reason: Any) -> Values:
    if not failed:
        return {}
    return {"code": _ERROR, **({"message": reason} if isinstance(reason, str) else {})}


def _attributes(values: Values) -> list[Values]:
    return [
        {"key": key, "value": _value(value)} for key, value in values.items() if value is not None
    ]


def _value(value: Any) -> Values:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    return {"stringValue": value if isinstance(value, str) else dumped(value)}


def _nanos(time: Any) -> int | None:
    """Nanoseconds since 1970; null for no time, for one before and for one too late."""
    if not isinstance(time, str):
        return None
    nanos = (datetime.fromisoformat(time) - _EPOCH) // timedelta(microseconds=1) * 1000
    return nanos if 0 <= nanos < _LATEST else None


def _id(digits: int, *parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()[:digits]
