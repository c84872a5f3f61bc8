"""Events: one line each, camelCase in JSON and snake_case in tables, unknown is null."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampmetrics.events import KINDS, Event, Outcome, Record, ToolCall, encode, kind_of
from ampmetrics.tables.views import ENVELOPE, columns_of

NOW = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def line(record: Record, **ids: Any) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(
        encode(Event(type=kind_of(record), timestamp=NOW, data=record, **ids))
    )
    return value


def test_the_spelling_of_the_spec() -> None:
    call = ToolCall(
        tool_name="read_file", args={"path": "src/main.js"}, started_at=NOW, duration_ms=150.0,
        success=True,
    )  # fmt: skip
    written = line(call, session_id="session-123", iteration_id="iter-456")
    assert written["type"] == "tool_call"
    assert written["sessionId"] == "session-123"
    assert written["iterationId"] == "iter-456"
    assert written["timestamp"].endswith("Z")
    assert datetime.fromisoformat(written["timestamp"]) == NOW
    data = written["data"]
    assert data["toolName"] == "read_file"
    assert data["args"] == {"path": "src/main.js"}
    assert datetime.fromisoformat(data["startTime"]) == NOW
    assert data["durationMs"] == 150
    assert data["success"] is True


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_known_is_null_and_not_0(kind: str) -> None:
    written = line(KINDS[kind]())
    assert written["type"] == kind
    assert set(written["data"].values()) == {None}


@pytest.mark.parametrize("kind", KINDS)
def test_every_field_says_its_meaning_and_its_unit(kind: str) -> None:
    for column in [*columns_of(KINDS[kind]), *ENVELOPE]:
        assert column.meaning
        if column.name.endswith("_ms"):
            assert (
                column.meaning.endswith("ms") or ", ms" in column.meaning or " ms" in column.meaning
            )
        if column.name.endswith("_usd"):
            assert "USD" in column.meaning


@given(JSON)
def test_an_event_is_one_line_whatever_the_agent_said(args: Any) -> None:
    text = encode(Event(type="tool_call", timestamp=NOW, data=ToolCall(args=args)))
    assert text.endswith(b"\n")
    assert text.count(b"\n") == 1
    json.loads(text, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))


def test_only_an_agent_that_can_be_judged_has_a_success() -> None:
    assert {outcome for outcome in Outcome if outcome.success is True} == {Outcome.PASSED}
    assert {outcome for outcome in Outcome if outcome.success is False} == {
        Outcome.FAILED,
        Outcome.TIMEOUT,
        Outcome.AGENT_ERROR,
    }
