"""Amp's threads: streams without times, documents with and without a ledger, each request once."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sources import SHARED, knows, outcomes, records, tokens, told, write

from ampmetrics.events import LlmUsage
from ampmetrics.importers.amp import Amp

Json = dict[str, Any]
THREAD = "T-01a2024c-ef4f-7324-8219-74c823359d9f"
RUNS = SHARED.parent / "agent-runs"
AT = 1_772_000_000
MS = AT * 1000


def stream(folder: Path, *lines: Json, name: str = "run.jsonl") -> Path:
    path = write(folder / name, [{**each, "session_id": THREAD} for each in lines], lines=True)
    os.utime(path, (AT, AT))
    return path


def prompt(words: str) -> Json:
    return {"type": "user", "message": {"content": [{"type": "text", "text": words}]}}


def said(used: Json, *blocks: Json) -> Json:
    return {"type": "assistant", "message": {"content": list(blocks), "usage": used}}


def used(input_: int, written: int, read: int, output: int) -> Json:
    return {"input_tokens": input_, "cache_creation_input_tokens": written,
            "cache_read_input_tokens": read, "output_tokens": output}  # fmt: skip


INIT: Json = {"type": "system", "subtype": "init", "cwd": "/repo"}
DONE: Json = {"type": "result", "subtype": "success", "duration_ms": 7000, "is_error": False}


def test_a_stream_has_no_times_but_that_of_its_file(tmp_path: Path) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "edit_file", "input": {"path": "/repo/a.py"}}
    diff = json.dumps({"diff": "```diff\n--- a\n+++ a\n@@ -1 +1,2 @@\n-x\n+y\n+z\n```"})
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": diff, "is_error": False}
    path = stream(
        tmp_path, INIT, prompt("Fix it"), said(used(10, 300, 4000, 50), call),
        {"type": "user", "message": {"content": [answer]}}, said(used(5, 0, 4300, 7)), DONE,
        prompt("More"), said(used(6, 0, 4300, 8)),
    )  # fmt: skip
    assert knows(Amp(), path)
    sessions, _ = told(Amp(), path)
    events = sessions[THREAD]
    assert {event.timestamp for event in events} == {datetime.fromtimestamp(AT, UTC)}
    assert tokens(events) == {
        "uncached": 21, "cache_read": 12600, "cache_write": 300, "completion": 65, "reasoning": 0,
    }  # fmt: skip
    (made,) = records(events, "tool_call")
    assert (made.success, made.started_at, made.ended_at, made.duration_ms) == (True, *[None] * 3)
    (edit,) = records(events, "file_edit")
    assert (edit.path, edit.lines_added, edit.lines_deleted) == ("a.py", 2, 1)
    ends = records(events, "iteration_end")
    assert [(end.status, end.duration_ms) for end in ends] == [("success", 7000), (None, None)]
    assert records(events, "iteration_start")[0].cwd == "/repo"
    assert {each.model for each in records(events, "llm_usage")} == {None}


def test_a_stream_of_2025_counts_the_cache_within_the_input(tmp_path: Path) -> None:
    path = stream(tmp_path, INIT, prompt("2 + 2?"), said(used(12783, 367, 12416, 8)), DONE)
    sessions, _ = told(Amp(), path)
    (request,) = records(sessions[THREAD], "llm_usage")
    assert (request.uncached_tokens, request.prompt_tokens) == (0, 12783)
    assert request.input_includes_cache


def test_runs_of_one_thread_are_one_session_and_a_copy_is_none(tmp_path: Path) -> None:
    first = stream(tmp_path, INIT, prompt("a"), said(used(1, 2, 3, 4)), DONE, name="1.jsonl")
    copy = stream(tmp_path, INIT, prompt("a"), said(used(1, 2, 3, 4)), DONE, name="1b.jsonl")
    second = stream(tmp_path, INIT, prompt("b"), said(used(5, 2, 3, 4)), DONE, name="2.jsonl")
    sessions, reading = told(Amp(), first, copy, second)
    assert [each.message for each in records(sessions[THREAD], "user_message")] == ["a", "b"]
    assert reading.left_out == {"files that are copies of another one": 1}


def thread(*, ledger: list[Json] | None = None, id_: str = THREAD, **usage: Any) -> Json:
    tokens_ = {"inputTokens": 10, "cacheCreationInputTokens": 300, "cacheReadInputTokens": 4000,
               "totalInputTokens": 4310, "outputTokens": 50, **usage}  # fmt: skip
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"cmd": "make"},
            "startTime": MS + 3000, "finalTime": MS + 4500}  # fmt: skip
    run = {"status": "done", "result": {"output": "no rule", "exitCode": 2}}
    answer = {"type": "tool_result", "toolUseID": "t1", "run": run}
    tree = {
        "uri": "file:///home/me/my%20work",
        "repository": {"ref": "refs/heads/main", "sha": "d0"},
    }
    value: Json = {
        "v": 3, "id": id_, "created": MS, "agentMode": "smart",
        "messages": [
            {"role": "user", "messageId": 0, "content": [{"type": "text", "text": "Fix it"}],
             "meta": {"sentAt": MS + 1000}},
            {"role": "assistant", "messageId": 1, "content": [call], "usage": tokens_,
             "state": {"type": "complete", "stopReason": "tool_use"}},
            {"role": "user", "messageId": 2, "content": [answer]},
            {"role": "assistant", "messageId": 3, "content": [{"type": "text", "text": "Done"}],
             "usage": {**tokens_, "outputTokens": 7}, "state": {"type": "complete"}},
        ],
        "env": {"initial": {"trees": [tree], "platform": {"clientVersion": "0.0.17"}}},
    }  # fmt: skip
    return value if ledger is None else {**value, "usageLedger": {"events": ledger}}


def entry(second: int, message: int | None, input_: int, output: int, **more: Any) -> Json:
    at = datetime.fromtimestamp(AT + second, UTC).isoformat().replace("+00:00", "Z")
    counts = {"input": input_, "output": output, **more.pop("tokens", {})}
    return {"id": f"e{second}", "timestamp": at, "model": "claude-opus-4-5-20251101", "credits": 3,
            "tokens": counts, "operationType": "inference", "toMessageId": message, **more}  # fmt: skip


def document(folder: Path, value: Json, name: str = "") -> Path:
    return write(folder / "threads" / f"{name or value['id']}.json", value)


def test_a_document_without_a_ledger(tmp_path: Path) -> None:
    path = document(tmp_path, thread(model="claude-opus-4-5-20251101"))
    assert knows(Amp(), path)
    sessions, _ = told(Amp(), path)
    events = sessions[THREAD]
    assert tokens(events) == {
        "uncached": 20, "cache_read": 8000, "cache_write": 600, "completion": 57, "reasoning": 0,
    }  # fmt: skip
    assert outcomes(events) == {("Bash", False, 2): 1}
    (call,) = records(events, "tool_call")
    assert (call.duration_ms, call.error_message) == (1500, "exit code 2")
    (start,) = records(events, "iteration_start")
    assert (start.cwd, start.git_branch, start.git_sha, start.agent_version, start.model) == (
        "/home/me/my work", "main", "d0", "0.0.17", "smart",
    )  # fmt: skip
    (end,) = records(events, "iteration_end")
    assert (end.status, end.not_visible) == ("success", ["titles", "sub-agents", "helper tools"])
    lines = path.read_text().splitlines()
    begins = [lines[event.source_line :][0].strip() for event in events if event.source_line]
    assert set(begins) <= {'"role": "user",', '"role": "assistant",'}


@pytest.mark.parametrize(
    ("input_", "total", "uncached"),
    [(4310, 4310, 10), (4310, 8610, 4310), (4300, None, 0), (4310, None, 4310)],
)
def test_the_input_is_read_as_the_total_says(
    tmp_path: Path, input_: int, total: int | None, uncached: int
) -> None:
    within = document(tmp_path, thread(inputTokens=input_, totalInputTokens=total))
    sessions, _ = told(Amp(), within)
    request = records(sessions[THREAD], "llm_usage")[0]
    assert (request.uncached_tokens, request.prompt_tokens) == (uncached, uncached + 4300)
    assert request.input_includes_cache == (uncached != input_)


def test_gpt_has_its_uncached_input_where_others_have_cache_writes(tmp_path: Path) -> None:
    path = document(tmp_path, thread(model="gpt-5", inputTokens=0, totalInputTokens=4300))
    sessions, _ = told(Amp(), path)
    request = records(sessions[THREAD], "llm_usage")[0]
    assert (request.uncached_tokens, request.cache_write_tokens, request.prompt_tokens) == (
        300, None, 4300,
    )  # fmt: skip


@pytest.mark.parametrize("cache", [{}, {"cacheReadInputTokens": 4000,
                                        "cacheCreationInputTokens": 300}])  # fmt: skip
def test_a_ledger_adds_only_what_no_message_shows(tmp_path: Path, cache: Json) -> None:
    ledger = [
        entry(1, None, 433, 29, operationType="title-generation", tokens=cache),
        entry(2, 1, 10, 50, tokens=cache), entry(5, 3, 10, 7, tokens=cache),
        entry(6, None, 77, 8, operationType="codebase-search", tokens=cache),
    ]  # fmt: skip
    sessions, _ = told(Amp(), document(tmp_path, thread(ledger=ledger)))
    events = sessions[THREAD]
    requests = records(events, "llm_usage")
    assert [each.completion_tokens for each in requests] == [50, 7, 29, 8]
    assert {each.model for each in requests} == {"claude-opus-4-5-20251101"}
    assert [each.prompt_tokens for each in requests[:2]] == [4310, 4310]
    known = [each.prompt_tokens for each in requests[2:]]
    assert known == ([4733, 4377] if cache else [None, None])
    assert {each.cost_source for each in requests[2:]} == {
        "computed" if cache else "the ledger does not tell the cache"
    }
    assert records(events, "iteration_end")[0].not_visible is None


def test_a_sub_agent_with_a_thread_of_its_own_is_counted_there(tmp_path: Path) -> None:
    child = "T-11a2024c-ef4f-7324-8219-74c823359d9f"
    of_child = [entry(2, 1, 10, 50), entry(3, 3, 10, 7)]
    ledger = [entry(2, 1, 10, 50), entry(4, 3, 10, 7),
              entry(5, None, 20, 57, operationType="subagent")]  # fmt: skip
    paths = [document(tmp_path, thread(ledger=ledger)),
             document(tmp_path, thread(ledger=of_child, id_=child))]  # fmt: skip
    sessions, reading = told(Amp(), *paths)
    assert [len(records(sessions[id_], "llm_usage")) for id_ in (THREAD, child)] == [2, 2]
    assert reading.left_out == {"sums of sub-agents whose own threads are there too": 1}
    alone, _ = told(Amp(), paths[0])
    assert [each.scope for each in records(alone[THREAD], "llm_usage")] == ["request"] * 2 + ["run"]


def test_an_export_a_document_and_a_stream_of_one_thread_are_one(tmp_path: Path) -> None:
    paths = [document(tmp_path, thread()), document(tmp_path, {"thread": thread()}, "export"),
             stream(tmp_path, INIT, prompt("Fix it"), said(used(1, 2, 3, 4)), DONE)]  # fmt: skip
    assert all(knows(Amp(), path) for path in paths)
    sessions, reading = told(Amp(), *paths)
    assert len(records(sessions[THREAD], "llm_usage")) == 2
    assert sum(reading.left_out.values()) == 2


def test_what_cannot_be_read_is_counted(tmp_path: Path) -> None:
    value = thread()
    value["messages"].insert(1, 3)
    torn = document(tmp_path, thread(id_="T-2"))
    torn.write_text(torn.read_text()[:-50])
    path = stream(tmp_path, INIT, prompt("x"), said(used(1, 2, 3, 4)), DONE, name="x.jsonl")
    path.write_bytes(b"npm WARN\n" + path.read_bytes().replace(THREAD.encode(), b"T-3"))
    sessions, reading = told(Amp(), document(tmp_path, value), torn, path)
    assert len(records(sessions[THREAD], "llm_usage")) == 2
    assert len(records(sessions["T-3"], "llm_usage")) == 1
    assert reading.unreadable_lines == 3


@pytest.mark.skipif(not RUNS.is_dir(), reason="the samples of other tools are not here")
@pytest.mark.parametrize("run", sorted(RUNS.glob("amp-*/*")), ids=lambda p: "-".join(p.parts[-2:]))
def test_real_streams_come_to_what_the_model_sent(run: Path) -> None:
    truth = json.loads((run / "truth.json").read_text())["truth"]
    main = truth["tokens_by_script"]["main"]
    sessions, reading = told(Amp(), run / "stdout.jsonl")
    (events,) = sessions.values()
    assert tokens(events) == {
        "uncached": main["input"], "cache_read": main["cache_read"],
        "cache_write": main["cache_creation"], "completion": main["output"], "reasoning": 0,
    }  # fmt: skip
    assert len(records(events, "tool_call")) == truth["tool_calls_total"]
    assert not reading.unreadable_lines


def test_hidden_requests_are_of_the_iteration_that_made_the_call(tmp_path: Path) -> None:
    value = thread()
    value["messages"][1]["content"][0]["name"] = "Task"
    again = {**value["messages"][0], "messageId": 4, "meta": {"sentAt": MS + 20000}}
    value["messages"] += [again, {**value["messages"][3], "messageId": 5}]
    sessions, _ = told(Amp(), document(tmp_path, value))
    (hidden,) = [
        event
        for event in sessions[THREAD]
        if isinstance(event.data, LlmUsage) and event.data.scope == "not_visible"
    ]
    assert hidden.iteration_id == f"{THREAD}-1"
    assert hidden.timestamp == datetime.fromtimestamp(AT + 4.5, UTC)
