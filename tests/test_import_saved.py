"""Saved outputs of agent CLIs, read by the agents' own readers: the tokens that the server sent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from sources import SHARED, knows, outcomes, records, tokens, told
from test_import_claude import SESSION, chat, said, text, usage, user

from ampmetrics.importers import source

RUNS = SHARED.parent / "agent-runs"
ANTHROPIC = {"uncached": 2324, "cache_read": 27529, "cache_write": 5794, "completion": 520,
             "reasoning": 0}  # fmt: skip
OPENAI = {"uncached": 8942, "cache_read": 31232, "cache_write": 0, "completion": 744,
          "reasoning": 224}  # fmt: skip
SAVED = {
    "claude": ("claude-code-2.1.197/basic", ANTHROPIC, 6),
    # It does not show a patch that does not fit.
    "codex": ("codex-0.169.0/basic", OPENAI, 4),
    "gemini": ("gemini-cli-0.61.0/basic", OPENAI, 6),
    "opencode": ("opencode-1.18.33/anthropic", ANTHROPIC, 6),
}
INIT = {"type": "system", "subtype": "init", "cwd": "/repo", "session_id": SESSION, "model": "m"}


@pytest.mark.skipif(not RUNS.is_dir(), reason="the samples are not here")
@pytest.mark.parametrize("name", SAVED)
def test_a_saved_output(tmp_path: Path, name: str) -> None:
    run, spent, calls = SAVED[name]
    path = Path(shutil.copy(RUNS / run / "stdout.jsonl", tmp_path))
    assert knows(source(name), path)
    sessions, reading = told(source(name), path)
    (events,) = sessions.values()
    assert tokens(events) == spent
    assert sum(outcomes(events).values()) == calls
    (end,) = records(events, "iteration_end")
    assert (end.status, reading.unreadable) == ("success", [])
    assert all(event.source_line for event in events)


def test_several_runs_and_a_session_that_its_own_file_tells(tmp_path: Path) -> None:
    result = {"type": "result", "is_error": True, "result": "no", "duration_ms": 5.0}
    path = tmp_path / "out.jsonl"
    lines = [
        json.dumps(each, separators=(",", ":")) for each in (INIT, result, INIT, {"type": "user"})
    ]
    path.write_text("\n".join([*lines, "not JSON", ""]))
    sessions, reading = told(source("claude"), path)
    events = sessions[SESSION]
    starts, ends = records(events, "iteration_start"), records(events, "iteration_end")
    assert [(start.cwd, start.iteration_number) for start in starts] == [("/repo", 1), ("/repo", 2)]
    assert [(end.status, end.reason, end.duration_ms) for end in ends] == [
        ("failed", "no", 5.0), (None, None, None),
    ]  # fmt: skip
    assert [line for _, line, _ in reading.unreadable] == [4, 5]
    own = chat(tmp_path, [user(0, "Go"), said(1, "n1", text("x"), usage(3))])
    sessions, reading = told(source("claude"), own, path)
    assert list(sessions) == [SESSION]
    assert len(records(sessions[SESSION], "llm_usage")) == 1
    assert reading.left_out == {"saved outputs of sessions that their own files tell": 1}
