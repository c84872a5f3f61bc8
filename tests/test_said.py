"""An agent's words are read from its stream, whatever else stands in it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ampmetrics.agents.said import said

TEXT = {"type": "text", "text": "Hi"}
FORMS: dict[str, dict[str, Any]] = {
    "amp": {"type": "assistant", "message": {"content": [TEXT]}, "parent_tool_use_id": None},
    "pi": {"type": "message_end", "message": {"role": "assistant", "content": [TEXT]}},
    "codex": {"type": "item.completed", "item": {"type": "agent_message", "text": "Hi"}},
    "opencode": {"type": "text", "part": {"type": "text", "text": "Hi"}},
    "gemini": {"type": "message", "role": "assistant", "content": "Hi", "delta": True},
}
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(
        ["type", "role", "content", "message", "item", "part", "text", "parent_tool_use_id"]
    ), inner | st.sampled_from(["assistant", "text", "message", "item.completed"]), max_size=4),
    max_leaves=12,
)  # fmt: skip


def lines(*values: Any) -> list[bytes]:
    return [json.dumps(value).encode() + b"\n" for value in values]


@pytest.mark.parametrize("agent", FORMS)
def test_each_agents_words_are_read(agent: str) -> None:
    prompt = {"type": "user", "message": {"role": "user", "content": [TEXT]}}
    assert list(said(lines(prompt, FORMS[agent], {"type": "result", "result": "Hi"}))) == ["Hi"]


def test_chunks_are_one_text_until_something_else_comes() -> None:
    chunk, call = FORMS["gemini"], {"type": "tool_use", "tool_name": "read"}
    none = {**chunk, "content": ""}
    assert list(said(lines(none, chunk, none, chunk, call, none, call, chunk))) == ["HiHi", "Hi"]


def test_thoughts_and_sub_agents_are_not_its_words() -> None:
    thought = {"type": "thinking", "thinking": "Hm"}
    sub = {**FORMS["amp"], "parent_tool_use_id": "toolu_1"}
    own = {"type": "assistant", "message": {"content": [thought, TEXT, {"type": "tool_use"}]}}
    assert list(said(lines(sub, own))) == ["Hi"]


@given(st.lists(VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(), max_size=4))
def test_no_line_is_an_error_or_hides_the_next(found: list[bytes]) -> None:
    *_, last = said([*found, *lines({"type": "result"}, FORMS["codex"])])
    assert last == "Hi"
