"""GenAI spans of OpenTelemetry: a request once, though an agent's span has its sum as well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sources import knows, outcomes, records, tokens, told, write

from ampmetrics.importers.otel import Otel

Json = dict[str, Any]
BEGIN = 1_767_225_600


def attributes(values: dict[str, Any]) -> list[Json]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue", dict: "kvlistValue"}
    return [
        {"key": key, "value": {kinds[type(value)]: str(value) if type(value) is int else value}}
        for key, value in values.items()
    ]


def span(id_: str, parent: str, operation: str, begin: int, end: int, **more: Any) -> Json:
    named = {name.replace("__", "."): value for name, value in more.items()}
    trace = named.pop("trace", "t1")
    return {
        "traceId": trace, "spanId": id_, "parentSpanId": parent, "name": operation,
        "startTimeUnixNano": f"{BEGIN + begin}000000000",
        "endTimeUnixNano": (BEGIN + end) * 10**9, "status": named.pop("status", {}),
        "attributes": attributes(
            {"gen_ai.operation.name": operation,
             **{f"gen_ai.{name}": value for name, value in named.items()}}
        ),
    }  # fmt: skip


def line(*spans: Json) -> Json:
    return {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": list(spans)}]}]}


USED = {"usage__input_tokens": 100, "usage__cache_read.input_tokens": 60,
        "usage__cache_creation.input_tokens": 10, "usage__output_tokens": 20,
        "usage__reasoning.output_tokens": 5}  # fmt: skip
ASKED = '[{"role": "user", "parts": [{"type": "text", "content": "Fix it."}]}]'
SPANS = [
    span("b", "a", "chat", 1, 3, response__model="gpt-5", **USED, response__id="r1"),
    span("c", "a", "execute_tool", 3, 4, tool__name="bash", tool__call__id="k1",
         tool__call__arguments='{"cmd": "ls"}', status={"code": 2, "message": "exit 2"}),
    span("d", "c", "invoke_agent", 3, 4),
    span("e", "d", "chat", 3, 4, request__model="gpt-5", usage__prompt_tokens=7),
    span("h", "", "GET /", 0, 1),
    span("a", "h", "invoke_agent", 0, 9, agent__name="codex", conversation__id="conv", **USED,
         input__messages=ASKED),
]  # fmt: skip


def test_an_agent_with_its_requests_calls_and_sub_agent(tmp_path: Path) -> None:
    path = write(tmp_path / "spans.jsonl", [line(*SPANS[:3]), line(*SPANS[3:])], lines=True)
    assert knows(Otel(), path)
    sessions, reading = told(Otel(), path)
    assert list(sessions) == ["conv"]
    events = sessions["conv"]
    assert records(events, "iteration_start")[0].agent == "codex"
    assert records(events, "user_message")[0].message == "Fix it."
    assert tokens(events) == {
        "uncached": 37, "cache_read": 60, "cache_write": 10, "completion": 20, "reasoning": 5,
    }  # fmt: skip
    own, inner = records(events, "llm_usage")
    assert (own.model, own.message_id, own.latency_ms, own.prompt_tokens) == (
        "gpt-5",
        "r1",
        2000,
        100,
    )
    assert (inner.parent_tool_call_id, inner.completion_tokens) == ("k1", None)
    (call,) = records(events, "tool_call")
    assert (call.args, call.duration_ms, call.error_message) == ({"cmd": "ls"}, 1000, "exit 2")
    assert outcomes(events) == {("bash", False, None): 1}
    (end,) = records(events, "iteration_end")
    assert (end.status, end.duration_ms) == ("success", 9000)
    assert {event.source_line for event in events if event.type == "tool_call"} == {1}
    assert reading.left_out == {
        "spans of no model, agent or tool": 1,
        "sums of agents' tokens, whose requests are told": 1,
    }


def test_an_agent_that_tells_only_its_sum(tmp_path: Path) -> None:
    failed = span("a", "", "invoke_agent", 0, 9, **USED, error__type="Timeout")
    failed["attributes"] += attributes({"error.type": "Timeout"})
    path = write(tmp_path / "spans.jsonl", [line(failed)], lines=True)
    events = told(Otel(), path)[0]["t1"]
    (usage,) = records(events, "llm_usage")
    assert (usage.scope, usage.total_tokens, usage.latency_ms) == ("run", 120, None)
    (end,) = records(events, "iteration_end")
    assert (end.status, end.reason) == ("failed", "Timeout")


def test_requests_without_an_agent_belong_together_by_trace(tmp_path: Path) -> None:
    spans = [span(f"{trace}{n}", "", "chat", n, n + 1, trace=trace, usage__input_tokens=5)
             for trace in ("t1", "t2") for n in (1, 2)]  # fmt: skip
    repeated = write(tmp_path / "a.jsonl", [line(*spans[:2])], lines=True)
    path = write(tmp_path / "b.jsonl", [line(*spans)], lines=True)
    sessions, reading = told(Otel(), repeated, path)
    assert {id_: len(records(events, "llm_usage")) for id_, events in sessions.items()} == {
        "t1": 2, "t2": 2,
    }  # fmt: skip
    assert records(sessions["t1"], "iteration_end")[0].status is None
    assert reading.left_out == {"spans told before": 2}


def test_what_is_no_span_is_counted(tmp_path: Path) -> None:
    wrong = [{**SPANS[0], "startTimeUnixNano": "soon"}, {**SPANS[0], "spanId": 5}]
    path = write(tmp_path / "spans.jsonl", [line(*wrong), 5, {"resourceSpans": 7}], lines=True)
    sessions, reading = told(Otel(), path)
    assert not sessions
    assert [each.line for each in reading.unreadable] == [1, 1, 2]
    assert not knows(Otel(), write(tmp_path / "x.jsonl", [{"resourceMetrics": []}], lines=True))
