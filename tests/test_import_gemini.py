"""Gemini CLI's chats: each message once, whatever is written of it, and what is known of its end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sources import SHARED, knows, outcomes, records, tokens, told, write

from ampmetrics.importers.gemini import Gemini

Json = dict[str, Any]
SESSION = "3b56b027-4d70-4e41-a10e-6838bfaffb1a"
HEADER = {"sessionId": SESSION, "projectHash": "6a25", "startTime": "2026-11-23T06:01:51Z"}
SHELL = "<untrusted_context>\nOutput: x\n{}Process Group PGID: 7\n</untrusted_context>"


def at(second: float) -> str:
    return f"2026-11-23T06:01:{second:06.3f}Z"


def user(id_: str, second: float, *texts: str) -> Json:
    content = [{"text": text} for text in texts]
    return {"id": id_, "timestamp": at(second), "type": "user", "content": content}


def answer(id_: str, second: float, said: str = "", calls: list[Json] | None = None) -> Json:
    used = {"input": 100, "output": 20, "cached": 60, "thoughts": 5, "tool": 0, "total": 125}
    calls = {} if calls is None else {"toolCalls": calls}  # type: ignore[assignment]
    return {
        "id": id_, "timestamp": at(second), "type": "gemini", "content": said, "tokens": used,
        "model": "gemini-2.5-pro", **calls,  # type: ignore[dict-item]
    }  # fmt: skip


def call(id_: str, name: str, second: float, **more: Any) -> Json:
    output = more.pop("output", "done")
    response = {"functionResponse": {"id": id_, "name": name, "response": {"output": output}}}
    return {
        "id": id_, "name": name, "args": {"a": 1}, "status": "success", "timestamp": at(second),
        "result": [response], **more,
    }  # fmt: skip


def chat(folder: Path, *messages: Json, name: str = "session-1.jsonl", **header: Any) -> Path:
    project = folder / ".gemini" / "tmp" / "work"
    path = write(project / "chats" / name, [{**HEADER, **header}, *messages], lines=True)
    (project / ".project_root").write_text("/home/me/repo")
    return path


def test_a_message_that_is_written_twice_counts_once_with_its_tools(tmp_path: Path) -> None:
    context = {"$set": {"messages": [user("0", 0, "<session_context>\nToday is …")]}}
    edited = {
        "fileDiff": "--- a\n+++ b\n@@ -1,2 +1,2 @@\n-x\n+y\n+--- z\n", "isNewFile": False,
        "filePath": "/home/me/repo/src/a.py",
    }  # fmt: skip
    calls = [
        call("c1", "replace", 2.5, resultDisplay=edited),
        call("c2", "run_shell_command", 2.6, output=SHELL.format("Exit Code: 2\n")),
        call("c3", "run_shell_command", 2.6, output=SHELL.format("")),
        call("c4", "run_shell_command", 2.6, output="cut off, Exit Code: 2 was in the output"),
        call("c5", "read_file", 2.6, status="error"),
        call("c6", "write_file", 2.6, status="executing"),
    ]
    path = chat(
        tmp_path, context, user("1", 1, "Fix it."), {"$set": {"lastUpdated": at(1)}},
        answer("2", 2), answer("2", 2, "I look.", calls), answer("3", 4, "Done."),
    )  # fmt: skip
    assert knows(Gemini(), path)
    sessions, reading = told(Gemini(), path)
    events = sessions[SESSION]
    assert [record.message for record in records(events, "user_message")] == ["Fix it."]
    assert tokens(events) == {
        "uncached": 80, "cache_read": 120, "cache_write": 0, "completion": 50, "reasoning": 10,
    }  # fmt: skip
    assert outcomes(events) == {
        ("replace", True, None): 1,
        ("run_shell_command", False, 2): 1,
        ("run_shell_command", True, None): 1,
        ("run_shell_command", None, None): 1,
        ("read_file", False, None): 1,
        ("write_file", None, None): 1,
    }
    assert records(events, "tool_call")[0].duration_ms == 500
    (edit,) = records(events, "file_edit")
    assert (edit.path, edit.lines_added, edit.lines_deleted) == ("src/a.py", 2, 1)
    assert (edit.operation, edit.tool_call_ids) == ("modify", ["c1"])
    (end,) = records(events, "iteration_end")
    assert (end.status, end.duration_ms) == ("success", 3000)
    lines = {event.source_line for event in events if event.type == "tool_call"}
    assert lines == {6}, "the line of the copy that was read"
    assert not reading.unreadable_lines
    assert not reading.left_out


def test_a_session_that_was_killed_has_no_outcome(tmp_path: Path) -> None:
    path = chat(tmp_path, user("1", 1, "Fix it."), answer("2", 2), {"id": "9", "type": "x"})
    sessions, reading = told(Gemini(), path)
    (end,) = records(sessions[SESSION], "iteration_end")
    assert (end.status, end.duration_ms) == (None, None)
    assert reading.unreadable_lines == 1, "the message without a time"


def test_a_sub_agent_is_told_within_its_session(tmp_path: Path) -> None:
    calls = [call("c1", "invoke_agent", 5, agentId="sub")]
    main = chat(
        tmp_path, user("1", 1, "Fix it."), answer("2", 2, "", calls), answer("3", 6, "Done."),
        user("4", 7, "More."), answer("5", 8, "Yes."),
    )  # fmt: skip
    aside = chat(
        tmp_path, user("6", 3, "Do a part."), answer("7", 4, "", [call("c9", "ls", 4.5)]),
        name=f"{SESSION}/sub.jsonl", sessionId="sub", kind="subagent",
    )  # fmt: skip
    sessions, _ = told(Gemini(), main, aside)
    events = sessions.pop(SESSION)
    assert not sessions
    assert len(records(events, "iteration_start")) == 2
    of_it = [event for event in events if event.source_file == str(aside)]
    assert [event.type for event in of_it] == ["llm_usage", "tool_call"]
    assert {event.iteration_id for event in of_it} == {f"{SESSION}-1"}
    assert {event.data.parent_tool_call_id for event in of_it} == {"c1"}  # type: ignore[union-attr]


def test_a_document_has_lines_too_and_its_repeats_are_left_out(tmp_path: Path) -> None:
    document = {**HEADER, "messages": [user("1", 1, "Fix it."), answer("2", 2, "Done.")]}
    path = write(tmp_path / "session-old.json", document)
    resumed = chat(tmp_path, answer("2", 2, "Done."), user("3", 5, "And?"))
    sessions, reading = told(Gemini(), path, resumed)
    events = sessions[SESSION]
    text = path.read_text().splitlines()
    usage = next(event for event in events if event.type == "llm_usage")
    assert text[usage.source_line - 1].strip() == "{"
    assert '"id": "2"' in text[usage.source_line]
    assert events[0].timestamp == datetime(2026, 11, 23, 6, 1, 1, tzinfo=UTC)
    assert reading.left_out == {"messages told before": 1}
    assert len(records(events, "llm_usage")) == 1


def test_a_real_chat(tmp_path: Path) -> None:
    files = list(SHARED.glob("*/*gemini*.json"))
    if not files:
        pytest.skip("the shared samples are not here")
    ((_, events),) = told(Gemini(), *files)[0].items()
    assert len(records(events, "llm_usage")) == 15
    assert len(records(events, "user_message")) == 3
    # Added up from the file by hand: input 102805 with cached 45385, output 1551, thoughts 4905.
    assert tokens(events) == {
        "uncached": 57420, "cache_read": 45385, "cache_write": 0, "completion": 6456,
        "reasoning": 4905,
    }  # fmt: skip
    assert outcomes(events)["run_shell_command", False, 127] == 1
    assert not knows(Gemini(), write(tmp_path / "other.json", {"messages": []}))
