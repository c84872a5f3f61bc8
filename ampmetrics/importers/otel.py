"""OpenTelemetry: spans of the GenAI conventions, as lines of OTLP JSON.

A request is a span of a model, a call a span `execute_tool`, an iteration a span `invoke_agent`
that no other agent began. Spans come in any order, so those of the conventions are held in memory.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

from ampmetrics.events import Event, IterationEnd, IterationStart, LlmUsage
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.otel_span import Span, call_of, failure_of, prompt_of, spans_of, usage_of
from ampmetrics.importers.own import Own, own_events
from ampmetrics.importers.turns import Turns
from ampmetrics.importers.values import milliseconds_between

__all__ = ["Otel"]


class Otel(Source):
    """GenAI spans in OTLP JSON."""

    name: ClassVar[str] = "otel"
    tool: ClassVar[str] = "OpenTelemetry GenAI spans"
    endings: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson", ".json")

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:  # noqa: ARG002
        """None: a collector writes them where its user wants them."""
        return []

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """An OTLP export of traces."""
        begin = head.lstrip()[:200]
        return begin.startswith(b"{") and b'"resourceSpans"' in begin

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """One a conversation, of all files; where none is named, one a trace."""
        spans, ours = _Spans(), _Ours()
        for path in files:
            for span in spans_of(path, reading):
                if span.own:
                    ours.add(span)
                elif reading.is_first("otel", span.trace, span.id):
                    spans.add(span)
                else:
                    reading.leave_out("spans told before")
        if spans.others:
            reading.leave_out("spans of no model, agent or tool", spans.others)
        for conversation in spans.conversations():
            yield _found(conversation, spans)
        if ours.again:
            reading.leave_out("events told before", ours.again)
        yield from ours.found()


@dataclass(slots=True)
class _Ours:
    """Our own events, by conversation and trace, and each once by its place."""

    _told: dict[str, dict[str, dict[int, Own]]] = field(default_factory=dict)
    again: int = 0

    def add(self, span: Span) -> None:
        name = span.text("ampmetrics.conversation") or span.trace
        told = self._told.setdefault(name, {}).setdefault(span.trace, {})
        for own in span.own:
            self.again += told.setdefault(own.place, own) is not own

    def found(self) -> Iterator[Found]:
        """Of one name in two exports each its own session."""
        for name, traces in self._told.items():
            for trace, told in traces.items():
                id_ = name if len(traces) == 1 else f"{name}-{trace[:8]}"
                files = tuple(dict.fromkeys(own.file for own in told.values()))
                events = partial(own_events, told.values())
                yield Found(id=id_, files=files, cwd=None, events=events, family=id_)


@dataclass(slots=True)
class _Spans:
    known: dict[tuple[str, str], Span] = field(default_factory=dict)
    """of the conventions"""
    parents: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """of all spans"""
    named: dict[str, str] = field(default_factory=dict)
    """trace → the conversation that one of its spans names"""
    others: int = 0

    def add(self, span: Span) -> None:
        self.parents[span.trace, span.id] = span.parent
        if span.operation is None:
            self.others += 1
            return
        self.known[span.trace, span.id] = span
        if span.conversation is not None:
            self.named.setdefault(span.trace, span.conversation)

    def conversations(self) -> list[tuple[str, list[Span]]]:
        """Spans of each conversation in the order of time, the first begun first."""
        found: dict[str, list[Span]] = {}
        for span in sorted(self.known.values(), key=lambda span: (span.begun, -span.ended_ns)):
            found.setdefault(self._conversation(span), []).append(span)
        return list(found.items())

    def _conversation(self, span: Span) -> str:
        own = (each.conversation for each in (span, *self.above(span)) if each.conversation)
        return next(own, None) or self.named.get(span.trace) or span.trace

    def above(self, span: Span) -> Iterator[Span]:
        """Spans of the conventions within which this one is, the nearest first."""
        seen: set[str] = set()
        at = span.parent
        while at is not None and at not in seen:
            seen.add(at)
            if (span.trace, at) in self.known:
                yield self.known[span.trace, at]
            at = self.parents.get((span.trace, at))


def _found(conversation: tuple[str, list[Span]], spans: _Spans) -> Found:
    id_, own = conversation
    files = tuple(dict.fromkeys(span.file for span in own))
    events = partial(_events, id_, own, spans)
    return Found(id=id_, files=files, cwd=None, events=events, family=id_)


def _events(id_: str, own: list[Span], spans: _Spans, reading: Reading) -> Iterator[Event]:
    agents = {span.agent for span in own if span.agent}
    agent = next(iter(sorted(agents)), None)
    turns = Turns(id_, own[0].file, agent=agent)
    asked = {above.id for span in own if span.operation == "model" for above in spans.above(span)}
    begun: Span | None = None
    trace: str | None = None
    for span in own:
        turns.stand_in(span.file)
        inner = any(above.operation == "agent" for above in spans.above(span))
        if span.operation == "agent" and not inner:
            yield from _end(turns, begun)
            begun, trace = span, span.trace
            yield from turns.begin(
                IterationStart(model=span.model), span.begun, span.line, prompt_of(span)
            )
        elif not inner and begun is None and span.trace != trace:
            # Without an agent's span a trace is what belongs together.
            trace = span.trace
            yield from turns.begin(IterationStart(), span.begun, span.line, prompt_of(span))
        yield from _records(turns, span, spans, asked, reading)
    yield from _end(turns, begun)


def _records(
    turns: Turns, span: Span, spans: _Spans, asked: set[str], reading: Reading
) -> Iterator[Event]:
    above = list(spans.above(span))
    parent = next((each.call_id for each in above if each.operation == "tool"), None)
    if span.operation == "tool":
        yield from turns.tell(call_of(span, parent), span.ended, span.line, aside=True)
        return
    usage: LlmUsage = usage_of(span, parent, is_sum=span.operation == "agent")
    told = usage.prompt_tokens is not None or usage.completion_tokens is not None
    if span.operation == "model":
        yield from turns.tell(usage, span.ended, span.line, aside=True)
    elif told and span.id in asked:
        reading.leave_out("sums of agents' tokens, whose requests are told")
    elif told:
        yield from turns.tell(usage, span.ended, span.line, aside=True)


def _end(turns: Turns, span: Span | None) -> Iterator[Event]:
    """An iteration with an agent's span ends as that does; of another it is not known."""
    if span is None:
        yield from turns.end(IterationEnd())
        return
    reason = failure_of(span)
    yield from turns.end(
        IterationEnd(
            status="success" if reason is None else "failed",
            reason=reason and reason[:500],
            duration_ms=milliseconds_between(span.begun, span.ended),
        ),
        max(span.ended, turns.last_at),
        span.line,
    )
