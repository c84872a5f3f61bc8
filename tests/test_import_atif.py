"""ATIF trajectories: requests with their cache, sums beyond the steps, sub-agents, copied context."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sources import knows, outcomes, records, tokens, told, write

from ampmetrics.importers.atif import Atif

Json = dict[str, Any]


def agent(step: int, second: int, prompt: int | None = None, **more: Any) -> Json:
    metrics = {"prompt_tokens": prompt, "completion_tokens": 10, "cached_tokens": 40,
               "cost_usd": 0.5, "extra": {"cache_creation_input_tokens": 20}}  # fmt: skip
    used = {} if prompt is None else {"metrics": metrics}
    at = f"2026-01-01T00:00:{second:02}Z"
    return {"step_id": step, "timestamp": at, "source": "agent", "message": "…", **used, **more}


def call(id_: str, name: str) -> Json:
    return {"tool_call_id": id_, "function_name": name, "arguments": {"a": 1}}


def observed(*results: Json) -> Json:
    return {"results": list(results)}


def trajectory(*steps: Json, **more: Any) -> Json:
    own = {"name": "claude-code", "version": "2.1", "model_name": "claude-sonnet-4-5"}
    return {"schema_version": "ATIF-v1.8", "session_id": "run", "trajectory_id": "T", "agent": own,
            "steps": list(steps), **more}  # fmt: skip


SYSTEM = {"step_id": 1, "source": "system", "message": "You are …"}
USER = {"step_id": 2, "source": "user", "timestamp": "2026-01-01T00:00:01Z", "message": "Fix it."}
CALLS = agent(
    3, 2, 100, tool_calls=[call("c1", "Bash"), call("c2", "Task"), call("c3", "Read")],
    observation=observed(
        {"source_call_id": "c1", "content": "no", "extra": {"exit_code": 2}},
        {"source_call_id": "c2", "subagent_trajectory_ref": [{"trajectory_id": "T2"}]},
    ),
)  # fmt: skip
SUB = {**trajectory({**USER, "step_id": 1}, agent(2, 3, 90)), "trajectory_id": "T2"}


def test_a_trajectory(tmp_path: Path) -> None:
    copied = agent(4, 3, 900, is_copied_context=True)
    dispatch = agent(5, 4, llm_call_count=0)
    document = trajectory(SYSTEM, USER, CALLS, copied, dispatch, subagent_trajectories=[SUB])
    path = write(tmp_path / "t.json", document)
    assert knows(Atif(), path)
    sessions, reading = told(Atif(), path)
    events = sessions["T"]
    (start,) = records(events, "iteration_start")
    assert (start.agent, start.agent_version) == ("claude-code", "2.1")
    assert [record.message for record in records(events, "user_message")] == ["Fix it."]
    assert tokens(events) == {
        "uncached": 70, "cache_read": 80, "cache_write": 40, "completion": 20, "reasoning": 0,
    }  # fmt: skip
    main, aside = records(events, "llm_usage")
    assert (main.prompt_tokens, main.reported_cost_usd, main.parent_tool_call_id) == (
        100,
        0.5,
        None,
    )
    assert aside.parent_tool_call_id == "c2"
    assert outcomes(events) == {
        ("Bash", False, 2): 1, ("Task", None, None): 1, ("Read", None, None): 1,
    }  # fmt: skip
    assert records(events, "iteration_end")[0].status is None, "ATIF does not say how it ended"
    lines = path.read_text().splitlines()
    for event in events:
        if event.type == "llm_usage":
            assert '"step_id"' in lines[event.source_line]
    assert reading.left_out == {"steps copied from another trajectory": 1}


def test_sums_beyond_the_steps_are_one_record_of_the_run(tmp_path: Path) -> None:
    final = {"total_prompt_tokens": 250, "total_completion_tokens": 25, "total_cost_usd": 0.75,
             "total_cached_tokens": 60}  # fmt: skip
    for steps, left in (([USER, CALLS], (150, 15, 0.25)), ([USER, agent(3, 2)], (250, 25, 0.75))):
        path = write(tmp_path / "t.json", trajectory(*steps, final_metrics=final))
        used = records(told(Atif(), path)[0]["T"], "llm_usage")
        rest = used[-1]
        assert rest.scope == "run"
        assert (rest.prompt_tokens, rest.completion_tokens, rest.reported_cost_usd) == left
    told_all = {"total_prompt_tokens": 100, "total_completion_tokens": 10, "total_cost_usd": 0.5}
    path = write(tmp_path / "t.json", trajectory(USER, CALLS, final_metrics=told_all))
    assert len(records(told(Atif(), path)[0]["T"], "llm_usage")) == 1


def test_a_step_of_several_requests_is_a_sum_and_one_without_numbers_unknown(
    tmp_path: Path,
) -> None:
    steps = [USER, agent(3, 2, 100, llm_call_count=3), agent(4, 3, llm_call_count=1), agent(5, 4)]
    (events,) = told(Atif(), write(tmp_path / "t.json", trajectory(*steps)))[0].values()
    used = [(usage.scope, usage.total_tokens) for usage in records(events, "llm_usage")]
    assert used == [("run", 110), ("request", None)]


def test_no_times_copies_and_what_is_no_trajectory(tmp_path: Path) -> None:
    bare = {"schema_version": "ATIF-v1.7", "agent": {"name": "x"}, "steps": [
        {"step_id": 1, "source": "user", "message": [{"type": "text", "text": "Hi"}]},
        {"step_id": 2, "source": "agent", "message": "", "tool_calls": [call("c", "t")]},
    ]}  # fmt: skip
    files = [write(tmp_path / f"{name}.json", bare) for name in "ab"]
    broken = write(tmp_path / "c.json", {"schema_version": "ATIF-v1.7", "steps": []})
    no_steps = write(tmp_path / "d.json", {"schema_version": "ATIF-v1.7", "agent": {}})
    sessions, reading = told(Atif(), *files, broken, no_steps)
    events = next(iter(sessions.values()))
    mtime = files[0].stat().st_mtime
    assert events[0].timestamp.timestamp() == pytest.approx(mtime, abs=1e-3)
    assert records(events, "user_message")[0].message == "Hi"
    assert records(events, "tool_call")[0].started_at is None
    assert reading.left_out == {"copies of trajectories": 1}
    assert [Path(each.file).name for each in reading.unreadable] == ["c.json", "d.json"]
    assert not knows(Atif(), write(tmp_path / "e.json", {"schema_version": "1.0"}))
