"""One span of OTLP JSON, and what it says by the GenAI conventions, old and new names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ampmetrics.agents.reading import count, decode, listed, mapping, number, shallow, text
from ampmetrics.agents.usage import llm_usage
from ampmetrics.events import LlmUsage, ToolCall
from ampmetrics.importers.contract import Reading
from ampmetrics.importers.own import Own
from ampmetrics.importers.values import milliseconds_between

__all__ = ["Span", "call_of", "failure_of", "prompt_of", "spans_of", "usage_of"]

_OPERATIONS = {
    "chat": "model",
    "text_completion": "model",
    "generate_content": "model",
    "embeddings": "model",
    "execute_tool": "tool",
    "invoke_agent": "agent",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST_NS = 4_000_000_000 * 10**9
_ERROR = (2, "STATUS_CODE_ERROR")


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A span as it was written."""

    file: Path
    line: int
    trace: str
    id: str
    parent: str | None
    operation: str | None
    """model, tool or agent; null: of none of the conventions"""
    begun: datetime
    ended: datetime
    ended_ns: int
    attributes: dict[str, Any]
    status: dict[str, Any]
    own: tuple[Own, ...]
    """our events, which our own export puts there"""

    @property
    def conversation(self) -> str | None:
        """The conversation that it names."""
        return self.text("gen_ai.conversation.id")

    @property
    def agent(self) -> str | None:
        """The agent's name."""
        return self.text("gen_ai.agent.name")

    @property
    def model(self) -> str | None:
        """The model that answered, else that was asked."""
        return self.text("gen_ai.response.model") or self.text("gen_ai.request.model")

    @property
    def call_id(self) -> str | None:
        """The agent's id of the tool call."""
        return self.text("gen_ai.tool.call.id")

    def text(self, name: str) -> str | None:
        """An attribute that is a text, else null."""
        return text(self.attributes.get(name))

    def count(self, *names: str) -> int | None:
        """The first of these attributes that is a count, else null."""
        found = (count(self.attributes.get(name)) for name in names)
        return next((each for each in found if each is not None), None)


def spans_of(path: Path, reading: Reading) -> Iterator[Span]:
    """All spans of a file; those that are none are told as unreadable."""
    for number_, line in reading.lines(path):
        try:
            export = shallow(mapping(decode(line), "the line"))
        except ValueError as error:
            reading.cannot_read(path, number_, str(error))
            continue
        for resource in listed(export.get("resourceSpans")):
            shared = _attributes(mapping(resource.get("resource") or {}, "resource"))
            for scope in listed(resource.get("scopeSpans")):
                for value in listed(scope.get("spans")):
                    try:
                        yield _span(path, number_, value, shared)
                    except ValueError as error:
                        reading.cannot_read(path, number_, str(error))


def _span(path: Path, line: int, value: dict[str, Any], shared: dict[str, Any]) -> Span:
    trace, id_ = text(value.get("traceId")), text(value.get("spanId"))
    begun_ns, ended_ns = (_nanoseconds(value.get(f"{end}TimeUnixNano")) for end in ("start", "end"))
    attributes = {**shared, **_attributes(value)}
    own = tuple(_own_events(value, path, line))
    if own:
        # Those of our events are theirs.
        begun_ns = ended_ns = 0
    if not trace or not id_ or begun_ns is None or ended_ns is None:
        raise ValueError("a span without ids or times")
    status = value.get("status")
    return Span(
        file=path,
        line=line,
        trace=trace,
        id=id_,
        parent=text(value.get("parentSpanId")) or None,
        operation=_OPERATIONS.get(str(attributes.get("gen_ai.operation.name"))),
        begun=_EPOCH + timedelta(microseconds=begun_ns // 1000),
        ended=_EPOCH + timedelta(microseconds=ended_ns // 1000),
        ended_ns=ended_ns,
        attributes=attributes,
        status=status if isinstance(status, dict) else {},
        own=own,
    )


def _own_events(value: dict[str, Any], path: Path, line: int) -> Iterator[Own]:
    for each in (value, *listed(value.get("events"))):
        found = _attributes(each)
        event, place = text(found.get("ampmetrics.event")), count(found.get("ampmetrics.place"))
        if event is not None and place is not None:
            yield Own(place, path, line, event.encode("utf-8", "replace"))


def _nanoseconds(value: object) -> int | None:
    """A time since 1970; 64-bit numbers are texts in this JSON."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    is_time = isinstance(value, int) and not isinstance(value, bool) and 0 < value < _LATEST_NS
    return value if is_time else None  # type: ignore[return-value]


def _attributes(value: dict[str, Any]) -> dict[str, Any]:
    return {
        each["key"]: _plain(each.get("value"))
        for each in listed(value.get("attributes"))
        if isinstance(each.get("key"), str)
    }


def _plain(value: object) -> Any:
    """A value of OTLP as plain JSON."""
    if not isinstance(value, dict):
        return None
    for kind, found in value.items():
        match kind:
            case "intValue":
                digits = found.removeprefix("-") if isinstance(found, str) else ""
                is_whole = digits.isascii() and digits.isdigit() and len(digits) < 20
                return int(found) if is_whole else found
            case "arrayValue" if isinstance(found, dict):
                return [_plain(each) for each in listed(found.get("values"))]
            case "kvlistValue" if isinstance(found, dict):
                return _attributes({"attributes": found.get("values")})
            case _:
                return found
    return None


def usage_of(span: Span, parent: str | None, *, is_sum: bool) -> LlmUsage:
    """A model's request, or with `is_sum` what an agent's span says of all of its requests."""
    given = span.count("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
    read = span.count(
        "gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"
    )
    written = span.count(
        "gen_ai.usage.cache_creation.input_tokens", "gen_ai.usage.cache_creation_input_tokens"
    )
    cached = (read or 0) + (written or 0)
    usage = llm_usage(
        span.begun,
        scope="run" if is_sum else "request",
        message_id=span.text("gen_ai.response.id"),
        parent=parent,
        model=span.model,
        uncached=None if given is None or given < cached else given - cached,
        cache_read=read,
        cache_write=written,
        completion=span.count("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        reasoning=span.count(
            "gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"
        ),
        input_includes_cache=True,
        reported_cost_usd=number(span.attributes.get("gen_ai.usage.cost")),
    )
    spent = None if is_sum else milliseconds_between(span.begun, span.ended)
    return replace(usage, latency_ms=spent)


def call_of(span: Span, parent: str | None) -> ToolCall:
    """A tool call, which succeeded where nothing says that it failed."""
    reason = failure_of(span)
    return ToolCall(
        tool_call_id=span.call_id or span.id,
        parent_tool_call_id=parent,
        tool_name=span.text("gen_ai.tool.name"),
        args=_json(span.attributes.get("gen_ai.tool.call.arguments")),
        started_at=span.begun,
        ended_at=span.ended,
        duration_ms=milliseconds_between(span.begun, span.ended),
        success=reason is None,
        error_message=reason and reason[:500],
    )


def failure_of(span: Span) -> str | None:
    """Why it failed; null where it says nothing of a failure."""
    if span.status.get("code") in _ERROR or span.text("error.type"):
        return text(span.status.get("message")) or span.text("error.type") or "error"
    return None


def prompt_of(span: Span) -> str | None:
    """What the user said last; null where the span does not hold the messages, as it mostly is."""
    messages = _json(span.attributes.get("gen_ai.input.messages"))
    asked = [each for each in listed(messages) if each.get("role") == "user"]
    if not asked:
        return None
    parts = asked[-1].get("parts")
    said = [part["content"] for part in listed(parts) if isinstance(part.get("content"), str)]
    return "\n".join(said) if said else text(asked[-1].get("content"))


def _json(value: object) -> Any:
    """The JSON in a text; any other value, and a text that is none, as it is."""
    if not isinstance(value, str):
        return value
    try:
        return shallow(decode(value.encode("utf-8", "replace")))
    except ValueError:
        return value
