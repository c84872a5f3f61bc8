"""amp-session-manager's database in its versions, its exports and its summaries."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sources import knows, outcomes, records, tokens, told, write
from test_import_amp_session_manager import ONE, SOURCE, TWO, at, began, ended

from ampmetrics.events import Event

Json = dict[str, Any]
Rows = dict[str, list[Json]]
SESSIONS: Rows = {
    "sessions": [
        {"id": ONE, "ampPrompt": "Fix it.", "followUpPrompts": '["And this."]', "threadId": "T-1",
         "worktreePath": f"/r/.worktrees/{ONE}", "createdAt": at(0), "branchName": "amp/x"},
        {"id": "idle", "ampPrompt": "x", "worktreePath": "/r", "createdAt": at(0),
         "branchName": "amp/y"},
    ],
    "iterations": [
        {"id": "i1", "sessionId": ONE, "startTime": at(1), "endTime": at(9), "commitSha": "b" * 40,
         "changedFiles": 2, "testResult": "pass", "testExitCode": None, "promptTokens": 40,
         "completionTokens": 60, "model": "claude-sonnet-4-20250514", "exitCode": None},
        {"id": "i2", "sessionId": ONE, "startTime": at(20), "endTime": None},
    ],
    "tool_calls": [
        {"id": n, "sessionId": ONE, "iterationId": "i1", "timestamp": at(n), "toolName": tool,
         "argsJson": "{}", "success": success, "durationMs": 0}
        for n, (tool, success) in enumerate([("Bash", 1), ("the", 1), ("Read", 0)], 2)
    ],
    "merge_history": [{"id": "m", "sessionId": ONE}],
}  # fmt: skip
METRICS: Rows = {
    "metric_iterations": [
        {"id": "i1", "session_id": ONE, "iteration_number": 1, "started_at": at(1),
         "ended_at": at(9), "duration_ms": 7990, "status": "success", "exit_code": None,
         "git_sha_start": "a" * 40},
    ],
    "metric_tool_calls": [
        {"id": "t", "iteration_id": "i1", "tool_name": "Grep", "args_json": '{"pattern": "x"}',
         "started_at": at(3), "ended_at": at(4), "duration_ms": 1000, "success": 1},
    ],
    "metric_file_edits": [
        {"iteration_id": "i1", "file_path": path, "operation_type": "modify", "lines_added": 2,
         "lines_deleted": 1, "timestamp": at(8)} for path in ("a.py", "AGENT_CONTEXT/b.md")
    ],
    "metric_user_messages": [{"iteration_id": "i1", "message": "As told.", "timestamp": at(1)}],
}  # fmt: skip


def line(session: str, second: float, thread: str, **value: Any) -> Json:
    data = json.dumps({"session_id": thread, **value})
    return {"id": second, "sessionId": session, "type": value["type"], "timestamp": at(second),
            "data": data}  # fmt: skip


def spoke(second: float, thread: str, **usage: int) -> Json:
    call = {"type": "tool_use", "id": f"c{second}", "name": "Bash", "input": {"cmd": "ls"}}
    message = {"content": [call], "usage": {"input_tokens": 10, "output_tokens": 5, **usage}}
    return line(ONE, second, thread, type="assistant", message=message)


STREAM: Rows = {
    "stream_events": [
        spoke(2, "T-1", cache_read_input_tokens=100), spoke(3, "T-2"),
        line(ONE, 4, "T-1", type="user", message={"content": [
            {"type": "tool_result", "tool_use_id": "c2", "content": '{"exitCode":1}'}]}),
        spoke(25, "T-1"), line(ONE, 26, "T-1", type="output"),
    ],
    "threads": [{"id": "T-2", "sessionId": TWO}],
}  # fmt: skip


def database(path: Path, *versions: Rows, **other: str) -> Path:
    """Tables with the columns of their rows; `other`: more statements."""
    tables: Rows = {}
    for version in versions:
        tables.update(version)
    with closing(sqlite3.connect(path)) as con:
        for name, rows in tables.items():
            columns = list(dict.fromkeys(column for row in rows for column in row))
            con.execute(f"CREATE TABLE {name} ({', '.join(columns)})")
            marks = ", ".join("?" * len(columns))
            for row in rows:
                values = [row.get(column) for column in columns]
                con.execute(f"INSERT INTO {name} VALUES ({marks})", values)
        for statement in other.values():
            con.execute(statement)
        con.commit()
    return path


def read(path: Path) -> tuple[list[Event], dict[str, int]]:
    assert knows(SOURCE, path)
    sessions, reading = told(SOURCE, path)
    assert list(sessions) == [ONE]
    assert not reading.unreadable
    return sessions[ONE], dict(reading.left_out)


def check_the_oldest(events: list[Event]) -> None:
    assert [m.message for m in records(events, "user_message")] == ["Fix it.", "And this."]
    assert outcomes(events) == {("Bash", None, None): 1, ("Read", False, None): 1}
    assert tokens(events)["completion"] == 60
    (test,) = records(events, "test_result")
    assert (test.exit_code, test.total) == (0, None)
    (commit,) = records(events, "git_operation")
    assert (commit.sha_after, commit.files_changed) == ("b" * 40, 2)
    (end,) = records(events, "iteration_end")
    assert (end.status, end.exit_code, end.duration_ms) == (None, None, 8000)
    assert end.agent_session_id == "T-1"
    starts = records(events, "iteration_start")
    assert [start.cwd for start in starts] == [f"/r/.worktrees/{ONE}"] * 2


def test_the_oldest_tables(tmp_path: Path) -> None:
    events, left_out = read(database(tmp_path / "sessions.sqlite", SESSIONS))
    check_the_oldest(events)
    assert {event.iteration_id for event in events} == {"i1", "i2"}
    assert {event.source_line for event in events} == {None}
    assert left_out["sessions without an iteration"] == 1
    assert left_out["rows of the table merge_history"] == 1
    assert left_out["tool calls whose tool is a word of prose (phantoms)"] == 1
    assert left_out["iterations that never ended: their end, time and status are null"] == 1


def test_the_metric_tables_tell_it_better(tmp_path: Path) -> None:
    events, left_out = read(database(tmp_path / "sessions.sqlite", SESSIONS, METRICS))
    assert [m.message for m in records(events, "user_message")] == ["As told.", "And this."]
    (call,) = records(events, "tool_call")
    assert (call.tool_name, call.args, call.success) == ("Grep", {"pattern": "x"}, True)
    (edit,) = records(events, "file_edit")
    assert (edit.path, edit.operation, edit.lines_added) == ("a.py", None, 2)
    (end,) = records(events, "iteration_end")
    assert (end.status, end.duration_ms) == ("success", 7990)
    assert left_out["edits of amp-session-manager's own files (AGENT_CONTEXT/)"] == 1
    bare = database(tmp_path / "bare.sqlite", METRICS)
    assert outcomes(read(bare)[0]) == {("Grep", True, None): 1}


def test_what_amp_streamed_tells_it_best(tmp_path: Path) -> None:
    events, left_out = read(database(tmp_path / "sessions.sqlite", SESSIONS, METRICS, STREAM))
    assert tokens(events) == {
        "uncached": 20, "cache_read": 100, "cache_write": 0, "completion": 10, "reasoning": 0,
    }  # fmt: skip
    first, second = records(events, "tool_call")
    assert (first.duration_ms, first.success, first.exit_code) == (2000, False, 1)
    assert (second.duration_ms, second.success) == (None, None)
    of_second = [event.type for event in events if event.iteration_id == "i2"]
    assert of_second == ["iteration_start", "user_message", "llm_usage", "tool_call"]
    assert events[-5].type == "iteration_end"
    assert left_out["streamed lines of other sessions' threads (cross-talk)"] == 1
    assert left_out["stored events that are not of Amp's stream"] == 1


@pytest.mark.parametrize("statement", [
    "CREATE TABLE metrics (thread_id, at, input_tokens)",
    "DROP TABLE tool_calls",
    "CREATE VIEW metric_tool_calls AS SELECT 'i1' AS iteration_id, 'Grep' AS tool_name",
    "ALTER TABLE iterations DROP COLUMN model",
    "ALTER TABLE sessions DROP COLUMN followUpPrompts",
])  # fmt: skip
def test_a_table_or_column_that_is_missing_or_strange(tmp_path: Path, statement: str) -> None:
    events, _ = read(database(tmp_path / "sessions.sqlite", SESSIONS, statement=statement))
    assert len(records(events, "iteration_start")) == 2
    # A view may do anything, also never end.
    assert "Grep" not in {call.tool_name for call in records(events, "tool_call")}


def test_the_log_beside_it_is_read_and_nothing_is_written(tmp_path: Path) -> None:
    path = database(tmp_path / "sessions.sqlite", SESSIONS)
    with closing(sqlite3.connect(path)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("UPDATE iterations SET exitCode = 7 WHERE id = 'i1'")
        writer.commit()
        crashed = tmp_path / "crashed"
        crashed.mkdir()
        for end in ("", "-wal"):
            name = f"sessions.sqlite{end}"
            (crashed / name).write_bytes((tmp_path / name).read_bytes())
        live = read(path)[0]
    before = {file: file.read_bytes() for file in crashed.iterdir()}
    copied = read(crashed / "sessions.sqlite")[0]
    for events in (live, copied):
        (end_,) = records(events, "iteration_end")
        assert (end_.status, end_.exit_code) == ("failed", 7)
    assert {file: file.read_bytes() for file in crashed.iterdir()} == before


def test_an_export_is_its_tables_and_a_database_goes_before_it(tmp_path: Path) -> None:
    one = {"session": SESSIONS["sessions"][0], "iterations": SESSIONS["iterations"],
           "toolCalls": SESSIONS["tool_calls"], "mergeHistory": []}  # fmt: skip
    single = write(tmp_path / "session-1.json", one)
    check_the_oldest(read(single)[0])
    many = write(tmp_path / "export.json", {**SESSIONS, "tool_calls": SESSIONS["tool_calls"]})
    check_the_oldest(read(many)[0])
    lines = [*began(), ended(), *began(TWO), ended(session=TWO)]
    metrics = write(tmp_path / "metrics.ndjson", lines, lines=True)
    base = database(tmp_path / "sessions.sqlite", SESSIONS, METRICS)
    sessions, reading = told(SOURCE, single, metrics, base)
    assert set(sessions) == {ONE, TWO}
    assert outcomes(sessions[ONE]) == {("Grep", True, None): 1}
    assert reading.left_out["sessions that a database or another copy tells as well"] == 2


def test_a_summary_is_a_run(tmp_path: Path) -> None:
    used = {"total": 150, "prompt": 100, "completion": 50, "cost": 0.5}
    results = [
        {"id": "one", "success": True, "durationMs": 5000.5, "metricsFile": "/x/one-metrics.jsonl",
         "toolCalls": 3, "fileEdits": 1, "tokenUsage": used},
        {"id": "two", "success": False, "durationMs": 10, "metricsFile": "", "toolCalls": 0},
        {"id": "three", "success": False, "durationMs": 0, "error": "Error: no repo"},
    ]  # fmt: skip
    summary = {"total": 3, "passed": 1, "failed": 2, "avgDuration": 1, "results": results}
    path = write(tmp_path / "nightly" / "benchmark-summary.json", summary)
    assert knows(SOURCE, path)
    ((_, events),) = told(SOURCE, path)[0].items()
    ends = records(events, "trial_end")
    assert [str(end.outcome) for end in ends] == ["passed", "failed", "infra_error"]
    assert [end.success for end in ends] == [True, False, None]
    assert ends[0].duration_ms == 5000.5
    assert [event.case_id for event in events if event.type == "trial_end"] == [
        "one",
        "two",
        "three",
    ]
    (usage,) = records(events, "llm_usage")
    assert (usage.total_tokens, usage.reported_cost_usd) == (150, None)
    write(tmp_path / "nightly" / "one-metrics.jsonl", [*began(), ended()], lines=True)
    ((_, again),) = told(SOURCE, path)[0].items()
    assert not records(again, "llm_usage"), "its metrics file tells them"
    broken = write(tmp_path / "b" / "benchmark-summary.json", {**summary, "results": 5})
    assert told(SOURCE, broken)[1].unreadable_lines == 1


def test_batches_and_swe_bench_runs_are_runs(tmp_path: Path) -> None:
    items = [
        {"id": n, "runId": "b1", "sessionId": session, "prompt": "Fix it.", "status": status,
         "error": None, "startedAt": at(n), "finishedAt": at(n + 2), "model": model,
         "tokensTotal": 70}
        for n, (session, status, model) in enumerate(
            [(ONE, "success", "gpt-5"), (None, "timeout", "gpt-5"), (None, "queued", "o3")])
    ]  # fmt: skip
    bench: Rows = {
        "batches": [{"runId": "b1", "createdAt": at(0)}],
        "batch_items": items,
        "swebench_runs": [{"id": "s1", "name": "quick", "createdAt": at(5)}],
        "swebench_case_results": [{"runId": "s1", "caseId": "simple#001", "sessionId": ONE,
                                   "status": "pass", "wallTimeSec": 12.5}],
    }  # fmt: skip
    sessions, reading = told(SOURCE, database(tmp_path / "sessions.sqlite", SESSIONS, bench))
    assert list(sessions) == [ONE, "batch-b1", "swebench-s1"]
    ends = [event for event in sessions["batch-b1"] if event.type == "trial_end"]
    assert [(end.session_id, end.variant, end.trial) for end in ends] == [
        (ONE, "gpt-5", 1), ("batch-b1-2", "gpt-5", 2),
    ]  # fmt: skip
    outcomes_ = [str(end.outcome) for end in records(sessions["batch-b1"], "trial_end")]
    assert outcomes_ == ["passed", "timeout"]
    used = records(sessions["batch-b1"], "llm_usage")
    assert [usage.total_tokens for usage in used] == [70, 70], (
        "its session tells those of the first"
    )
    (end,) = records(sessions["swebench-s1"], "trial_end")
    assert (str(end.outcome), end.duration_ms) == ("passed", 12500)
    assert records(sessions["swebench-s1"], "run_start")[0].suite == "quick"
    assert reading.left_out["verdicts that are the word 'passed' in an output"] == 1
