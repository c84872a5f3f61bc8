"""Codex's rollouts, old and new: each response once, whatever totals are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sources import SHARED, knows, outcomes, records, tokens, told, write

from ampmetrics.importers.codex import Codex

Json = dict[str, Any]
THREAD = "019982b8-3422-79e0-8b3b-05abaf4f3c3e"
FORK = "019982b9-3422-79e0-8b3b-05abaf4f3c3e"


def line(type_: str, second: float, **payload: Any) -> Json:
    return {
        "timestamp": f"2026-03-01T10:00:{second:06.3f}Z", "type": type_, "payload": payload,
    }  # fmt: skip


def meta(thread: str = THREAD, **more: Any) -> Json:
    git = {"commit_hash": "d002f6", "branch": "main"}
    return line("session_meta", 0, id=thread, cwd="/repo", cli_version="0.169.0", git=git, **more)


def item(second: float, type_: str, **payload: Any) -> Json:
    return line("response_item", second, type=type_, **payload)


def event(second: float, type_: str, **payload: Any) -> Json:
    return line("event_msg", second, type=type_, **payload)


def used(input_: int, cached: int, output: int, reasoning: int = 0) -> Json:
    return {"input_tokens": input_, "cached_input_tokens": cached, "output_tokens": output,
            "reasoning_output_tokens": reasoning, "total_tokens": input_ + output}  # fmt: skip


def counted(second: float, total: Json, last: Json) -> Json:
    return event(second, "token_count", info={"total_token_usage": total, "last_token_usage": last})


def record(second: float, id_: str, usage: Json) -> Json:
    return line("token_usage_record", second, response_id=id_, usage=usage)


def rollout(folder: Path, *lines: Any, thread: str = THREAD, time: str = "T10-00-00") -> Path:
    path = folder / "sessions" / "2026" / "03" / "01" / f"rollout-2026-03-01{time}-{thread}.jsonl"
    return write(path, lines, lines=True)


MODEL = line("turn_context", 0.1, model="gpt-5.5", cwd="/repo")
PROMPT = event(1, "user_message", message="Fix it")


def test_totals_that_are_written_twice_or_reset_count_each_response_once(tmp_path: Path) -> None:
    first, second = used(1000, 0, 50, 10), used(1200, 900, 70)
    path = rollout(
        tmp_path, meta(), MODEL,
        item(0.5, "message", role="user", content=[{"text": "<environment_context>…"}]),
        item(0.9, "message", role="user", content=[{"text": "Fix it"}]), PROMPT,
        event(2, "token_count", info=None), counted(3, first, first), counted(4, first, first),
        counted(5, used(2200, 900, 120, 10), second), counted(6, used(2200, 900, 120, 10), second),
        # The process began again, and its totals with it.
        event(7, "user_message", message="More"), counted(8, first, first),
    )  # fmt: skip
    sessions, reading = told(Codex(), path)
    events = sessions[THREAD]
    assert tokens(events) == {
        "uncached": 1000 + 300 + 1000, "cache_read": 900, "cache_write": 0,
        "completion": 50 + 70 + 50, "reasoning": 20,
    }  # fmt: skip
    assert [(each.model, each.total_tokens) for each in records(events, "llm_usage")] == [
        ("gpt-5.5", 1050), ("gpt-5.5", 1270), ("gpt-5.5", 1050),
    ]  # fmt: skip
    assert [each.message for each in records(events, "user_message")] == ["Fix it", "More"]
    assert not reading.left_out


def test_records_of_responses_go_before_totals(tmp_path: Path) -> None:
    first = used(1000, 0, 50)
    path = rollout(
        tmp_path, meta(), MODEL, PROMPT, record(2, "r1", first), counted(3, first, first),
        record(4, "r2", first), counted(5, used(2000, 0, 100), first),
        event(6, "task_complete", last_agent_message="Done", duration_ms=4321),
    )  # fmt: skip
    sessions, _ = told(Codex(), path)
    events = sessions[THREAD]
    assert [each.message_id for each in records(events, "llm_usage")] == ["r1", "r2"]
    (end,) = records(events, "iteration_end")
    assert (end.status, end.duration_ms) == ("success", 4321)
    (start,) = records(events, "iteration_start")
    assert (start.cwd, start.git_branch, start.git_sha, start.agent_version, start.model) == (
        "/repo", "main", "d002f6", "0.169.0", "gpt-5.5",
    )  # fmt: skip


def test_calls_of_new_and_old_versions(tmp_path: Path) -> None:
    patch = (
        "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n+z\n*** Add File: b\n+b\n*** End Patch"
    )
    old = json.dumps({"output": "…", "metadata": {"exit_code": 1, "duration_seconds": 2.5}})
    path = rollout(
        tmp_path, meta(), MODEL, PROMPT,
        item(2, "function_call", name="shell", call_id="c1", arguments='{"command": ["ls"]}'),
        item(2, "function_call_output", call_id="c1", output=old),
        item(3, "function_call", name="exec_command", call_id="c2", arguments='{"cmd": "ls"}'),
        item(4, "function_call_output", call_id="c2",
             output="Chunk ID: 1\nWall time: 1 seconds\nProcess exited with code 0\nOutput:\n"
                    "Exit code: 9"),
        item(5, "custom_tool_call", name="apply_patch", call_id="c3", input=patch),
        item(6, "custom_tool_call_output", call_id="c3", output="Exit code: 0\nOutput:\nSuccess."),
        item(7, "custom_tool_call", name="apply_patch", call_id="c4", input=patch),
        item(8, "custom_tool_call_output", call_id="c4", output="apply_patch verification failed: x"),
        item(9, "function_call", name="update_plan", call_id="c5", arguments="{}"),
        item(10, "function_call_output", call_id="c5", output="Plan updated"),
        item(11, "function_call", name="exec_command", call_id="c6", arguments="no JSON"),
    )  # fmt: skip
    sessions, _ = told(Codex(), path)
    events = sessions[THREAD]
    assert outcomes(events) == {
        ("shell", False, 1): 1, ("exec_command", True, 0): 1, ("apply_patch", True, 0): 1,
        ("apply_patch", False, None): 1, ("update_plan", None, None): 1,
        ("exec_command", None, None): 1,
    }  # fmt: skip
    assert [each.duration_ms for each in records(events, "tool_call")][:3] == [2500, 1000, 1000]
    edits = [(e.path, e.operation, e.lines_added, e.lines_deleted)
             for e in records(events, "file_edit")]  # fmt: skip
    assert edits == [("a.py", "modify", 2, 1), ("b", "create", 1, 0)]
    (end,) = records(events, "iteration_end")
    assert end.status is None


def test_what_a_patch_came_to_goes_before_the_patch(tmp_path: Path) -> None:
    changes = {"/repo/a.py": {"type": "update", "unified_diff": "@@ -1 +1 @@\n-x\n+y\n",
                              "move_path": "/repo/c.py"}}  # fmt: skip
    change = {"type": "FileChange", "id": "c1", "status": "completed", "changes": changes}
    path = rollout(
        tmp_path, meta(), MODEL, PROMPT,
        item(5, "custom_tool_call", name="apply_patch", call_id="c1", input="*** Begin Patch"),
        event(6, "item_completed", item=change), event(6, "patch_apply_end", call_id="c1",
                                                       success=True, changes=changes),
        item(7, "custom_tool_call_output", call_id="c1", output="Exit code: 0\nSuccess."),
    )  # fmt: skip
    sessions, _ = told(Codex(), path)
    (edit,) = records(sessions[THREAD], "file_edit")
    assert (edit.path, edit.old_path, edit.operation, edit.lines_added) == (
        "c.py", "a.py", "rename", 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("last", "status", "reason"),
    [
        (event(5, "task_complete", last_agent_message=None, error={"message": "bad"}), "failed", "bad"),
        (event(5, "turn_aborted", reason="interrupted"), "cancelled", "interrupted"),
        (event(5, "agent_message", message="x"), None, None),
    ],
)  # fmt: skip
def test_how_a_turn_ended(
    tmp_path: Path, last: Json, status: str | None, reason: str | None
) -> None:
    path = rollout(tmp_path, meta(), MODEL, PROMPT, record(2, "r1", used(1, 0, 1)), last)
    sessions, _ = told(Codex(), path)
    (end,) = records(sessions[THREAD], "iteration_end")
    assert (end.status, end.reason) == (status, reason)


def test_a_fork_repeats_nothing(tmp_path: Path) -> None:
    first = used(1000, 0, 50)
    begun = [MODEL, PROMPT,
             item(2, "function_call", name="shell", call_id="c1", arguments="{}"),
             item(3, "function_call_output", call_id="c1", output="…"), counted(3, first, first)]  # fmt: skip
    original = rollout(tmp_path, meta(), *begun)
    copied = [{**each, "timestamp": "2026-03-02T10:00:00.000Z"} for each in [meta(), *begun]]
    fork = rollout(
        tmp_path, {**meta(FORK, forked_from_id=THREAD), "timestamp": "2026-03-02T10:00:00.000Z"},
        *copied,
        {**event(0, "user_message", message="Else"), "timestamp": "2026-03-02T10:00:01.000Z"},
        {**counted(0, used(1500, 900, 90), used(500, 900, 40)),
         "timestamp": "2026-03-02T10:00:02.000Z"},
        thread=FORK, time="T11-00-00",
    )  # fmt: skip
    sessions, reading = told(Codex(), fork, original)
    assert [len(records(sessions[id_], "llm_usage")) for id_ in (THREAD, FORK)] == [1, 1]
    assert [each.message for each in records(sessions[FORK], "user_message")] == ["Else"]
    assert not records(sessions[FORK], "tool_call")
    assert reading.left_out == {"records that repeat those of the thread it was forked from": 3}


def test_equal_totals_of_threads_that_are_no_forks_all_count(tmp_path: Path) -> None:
    first = used(1000, 0, 50)
    files = [rollout(tmp_path, meta(id_), MODEL, PROMPT, counted(3, first, first), thread=id_)
             for id_ in (THREAD, FORK)]  # fmt: skip
    sessions, _ = told(Codex(), *files)
    assert [len(records(events, "llm_usage")) for events in sessions.values()] == [1, 1]


def test_a_thread_that_was_archived_is_read_once(tmp_path: Path) -> None:
    lines = [meta(), MODEL, PROMPT, record(2, "r1", used(1000, 0, 50))]
    sessions, reading = told(
        Codex(), rollout(tmp_path / "a", *lines), rollout(tmp_path / "b", *lines)
    )
    assert len(records(sessions[THREAD], "llm_usage")) == 1
    assert reading.left_out == {"lines that stand in their thread's files twice": 4}


def test_the_first_versions_had_no_payloads_and_no_times(tmp_path: Path) -> None:
    head = {"id": THREAD, "timestamp": "2025-05-01T10:00:00.000Z", "instructions": None}
    path = rollout(
        tmp_path, head, {"record_type": "state"},
        {"type": "message", "role": "user", "content": [{"text": "Fix it"}]},
        {"type": "function_call", "name": "shell", "call_id": "c1", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "…"},
    )  # fmt: skip
    assert knows(Codex(), path)
    sessions, reading = told(Codex(), path)
    events = sessions[THREAD]
    (call,) = records(events, "tool_call")
    assert (call.tool_name, call.duration_ms, call.started_at) == ("shell", None, None)
    assert not records(events, "llm_usage")
    assert {event.timestamp.isoformat() for event in events} == {"2025-05-01T10:00:00+00:00"}
    assert not reading.unreadable_lines


def test_a_line_that_cannot_be_read_is_counted(tmp_path: Path) -> None:
    lines = [meta(), MODEL, PROMPT, {"type": "event_msg"}, "x", {"payload": {}, "type": 3},
             line("token_usage_record", 3, usage=4), record(4, "r1", used(1000, 0, 50))]  # fmt: skip
    path = rollout(tmp_path, *lines)
    path.write_bytes(path.read_bytes() + b'{"timestamp":"2026-')
    sessions, reading = told(Codex(), path)
    assert [each.line for each in reading.unreadable] == [5, 6, 7, 9]
    assert tokens(sessions[THREAD])["completion"] == 50


@pytest.mark.skipif(not SHARED.is_dir(), reason="the samples of other tools are not here")
def test_a_real_rollout_comes_to_its_last_total() -> None:
    (path,) = (SHARED / "agentcmd").glob("*codex*")
    sessions, reading = told(Codex(), path)
    (events,) = sessions.values()
    # Its own last total; 35 counts, none twice, no reset.
    assert tokens(events) == {
        "uncached": 536834 - 472320, "cache_read": 472320, "cache_write": 0, "completion": 6654,
        "reasoning": 4096,
    }  # fmt: skip
    assert len(records(events, "llm_usage")) == 35
    assert len(records(events, "tool_call")) == 34
    assert not reading.unreadable_lines
