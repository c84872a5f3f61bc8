"""Claude Code's files: each request once with its final tokens, wherever its lines stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sources import SHARED, knows, outcomes, records, tokens, told, write

from ampmetrics.agents.reading import decode
from ampmetrics.importers.claude import Claude

Json = dict[str, Any]
SESSION = "cfa1e878-62b5-4e40-b281-bbf9b250d766"
LATER = "dfa1e878-62b5-4e40-b281-bbf9b250d766"
MODEL = "claude-sonnet-4-5-20250929"


def line(type_: str, second: float, message: Json, **more: Any) -> Json:
    number = f"{type_}-{second}"
    return {
        "parentUuid": None, "isSidechain": False, "cwd": "/repo", "sessionId": SESSION,
        "version": "2.1.0", "gitBranch": "main", "type": type_, "message": message,
        "uuid": number, "timestamp": f"2026-03-01T10:00:{second:06.3f}Z", **more,
    }  # fmt: skip


def user(second: float, words: str, **more: Any) -> Json:
    return line("user", second, {"role": "user", "content": words}, **more)


def usage(output: int, read: int = 1000, written: int = 200, hour: int = 0) -> Json:
    kept = {"ephemeral_5m_input_tokens": written - hour, "ephemeral_1h_input_tokens": hour}
    return {
        "input_tokens": 10, "cache_creation_input_tokens": written, "cache_creation": kept,
        "cache_read_input_tokens": read, "output_tokens": output, "service_tier": "standard",
    }  # fmt: skip


def said(second: float, id_: str, block: Json, used: Json, **more: Any) -> Json:
    stop = more.pop("stop", None)
    message = {"id": id_, "type": "message", "role": "assistant", "model": MODEL,
               "content": [block], "stop_reason": stop, "usage": used}  # fmt: skip
    return line("assistant", second, message, **{"requestId": f"req_{id_}", **more})


def text(words: str) -> Json:
    return {"type": "text", "text": words}


def call(id_: str, name: str, **args: Any) -> Json:
    return {"type": "tool_use", "id": id_, "name": name, "input": args}


def result(second: float, id_: str, words: str, *, error: bool = False, **more: Any) -> Json:
    block = {"type": "tool_result", "tool_use_id": id_, "content": words, "is_error": error}
    return line("user", second, {"role": "user", "content": [block]}, **more)


PATCH = [{"oldStart": 4, "oldLines": 2, "newStart": 4, "newLines": 3,
          "lines": [" def add(a, b):", "-    return a - b", "+    return a + b", "+", "+# end"]}]  # fmt: skip
CHAT = [
    {"type": "summary", "summary": "Fix it", "leafUuid": "x"},
    user(0, "Fix it"),
    user(0.1, "Caveat: …", isMeta=True),
    said(1, "m1", {"type": "thinking", "thinking": "…"}, usage(2)),
    said(2, "m1", text("I look."), usage(8)),
    said(3, "m1", call("t1", "Bash", command="make"), usage(40, hour=50), stop="tool_use"),
    result(5, "t1", "Exit code 2\nno rule", error=True),
    said(6, "m2", call("t2", "Edit", file_path="/repo/src/calc.py"), usage(30)),
    said(6.5, "m2", call("t3", "Write", file_path="/repo/NOTES.md"), usage(60), stop="tool_use"),
    result(7, "t2", "done", toolUseResult={"filePath": "/repo/src/calc.py",
                                           "structuredPatch": PATCH}),
    result(8, "t3", "done", toolUseResult={"type": "create", "filePath": "/repo/NOTES.md",
                                           "content": "# Notes\n\nx\n", "structuredPatch": []}),
    said(9, "m3", text("Done."), usage(5), stop="end_turn"),
    user(20, "And now the other"),
    said(21, "m4", text("I begin."), usage(7)),
    line("user", 22, {"role": "user", "content": [text("[Request interrupted by user]")]}),
]  # fmt: skip


def chat(folder: Path, lines: list[Any] = CHAT, *, session: str = SESSION) -> Path:
    return write(folder / "projects" / "-work" / f"{session}.jsonl", lines, lines=True)


def test_a_message_counts_once_with_its_last_usage(tmp_path: Path) -> None:
    sessions, reading = told(Claude(), chat(tmp_path))
    events = sessions[SESSION]
    assert tokens(events) == {
        "uncached": 40, "cache_read": 4000, "cache_write": 800, "completion": 40 + 60 + 5 + 7,
        "reasoning": 0,
    }  # fmt: skip
    first = records(events, "llm_usage")[0]
    assert (first.message_id, first.cache_write_5m_tokens, first.cache_write_1h_tokens) == (
        "m1", 150, 50,
    )  # fmt: skip
    # At the list's prices of 2026: 3, 0.30, 3.75 (5 minutes), 6 (an hour) and 15 $ a million.
    usd = 10 * 3 + 1000 * 0.3 + 150 * 3.75 + 50 * 6 + 40 * 15
    assert first.cost_usd == pytest.approx(usd / 1e6)
    assert not reading.left_out
    assert not reading.unreadable_lines


def test_prompts_are_iterations_and_say_how_they_ended(tmp_path: Path) -> None:
    sessions, _ = told(Claude(), chat(tmp_path))
    events = sessions[SESSION]
    assert [each.message for each in records(events, "user_message")] == [
        "Fix it", "And now the other",
    ]  # fmt: skip
    start = records(events, "iteration_start")[0]
    assert (start.cwd, start.git_branch, start.agent_version) == ("/repo", "main", "2.1.0")
    ends = records(events, "iteration_end")
    assert [(end.status, end.duration_ms) for end in ends] == [
        ("success", 9000), ("cancelled", 1000),
    ]  # fmt: skip
    assert ends[1].reason == "[Request interrupted by user]"


def test_calls_have_their_outcome_their_time_and_their_edits(tmp_path: Path) -> None:
    sessions, _ = told(Claude(), path := chat(tmp_path))
    events = sessions[SESSION]
    assert outcomes(events) == {
        ("Bash", False, 2): 1, ("Edit", True, None): 1, ("Write", True, None): 1,
    }  # fmt: skip
    bash = next(event for event in events if event.type == "tool_call")
    assert (bash.data.duration_ms, bash.data.args) == (2000, {"command": "make"})  # type: ignore[attr-defined]
    assert (bash.source_file, bash.source_line) == (str(path), 7)
    edit, new = records(events, "file_edit")
    assert (edit.path, edit.operation, edit.lines_added, edit.lines_deleted) == (
        "src/calc.py", "modify", 3, 1,
    )  # fmt: skip
    assert edit.diff.startswith("@@ -4,2 +4,3 @@\n def add")
    assert (new.path, new.operation, new.lines_added, new.tool_call_id) == (
        "NOTES.md", "create", 3, "t3",
    )  # fmt: skip


def test_what_the_cli_says_itself_is_no_request(tmp_path: Path) -> None:
    words = {"id": "x", "model": "<synthetic>", "content": [text("API Error: 400")],
             "usage": usage(0)}  # fmt: skip
    other = {**words, "content": [text("No response requested.")]}
    lines = [user(0, "Go"), line("assistant", 0.5, other),
             line("assistant", 1, words, isApiErrorMessage=True)]  # fmt: skip
    sessions, reading = told(Claude(), chat(tmp_path, lines))
    assert not records(sessions[SESSION], "llm_usage")
    (end,) = records(sessions[SESSION], "iteration_end")
    assert (end.status, end.reason) == ("failed", "API Error: 400")
    assert reading.left_out == {"messages of the CLI itself (<synthetic>)": 2}


def test_a_resumed_session_that_begins_with_a_copy_counts_only_what_is_new(tmp_path: Path) -> None:
    """As 1.0.100 writes it: the same ids, other times, no id of the request."""
    old = [{**each, "requestId": None} for each in CHAT[1:12]]
    copied = [{**each, "timestamp": "2026-03-02T10:00:00.000Z", "sessionId": LATER} for each in old]
    more = [
        {**each, "uuid": f"later-{number}", "timestamp": f"2026-03-02T10:00:0{number}.000Z"}
        for number, each in enumerate([user(1, "More"), said(2, "m9", text("Done"), usage(11))], 1)
    ]
    files = chat(tmp_path, [*copied, *more], session=LATER), chat(tmp_path, old)
    sessions, reading = told(Claude(), *files)
    assert [len(records(sessions[id_], "llm_usage")) for id_ in (SESSION, LATER)] == [3, 1]
    assert [each.message for each in records(sessions[LATER], "user_message")] == ["More"]
    assert not records(sessions[LATER], "tool_call")
    assert reading.left_out == {
        "prompts that repeat those of another session": 1,
        "messages that repeat those of another session": 3,
    }


def test_equal_ids_of_messages_in_sessions_that_are_no_copies_all_count(tmp_path: Path) -> None:
    """A proxy may number its messages anew each time."""
    first = [{**each, "requestId": None} for each in CHAT[1:4]]
    other = [{**each, "uuid": f"{each['uuid']} too"} for each in first]
    sessions, _ = told(Claude(), chat(tmp_path, first), chat(tmp_path, other, session=LATER))
    assert [len(records(events, "llm_usage")) for events in sessions.values()] == [1, 1]


def test_a_copy_of_a_file_adds_nothing(tmp_path: Path) -> None:
    sessions, reading = told(Claude(), chat(tmp_path / "a"), chat(tmp_path / "b"))
    assert len(records(sessions[SESSION], "llm_usage")) == 4
    assert reading.left_out["lines that stand in their session's files twice"] == len(CHAT) - 1


def test_a_sub_agent_in_a_file_of_its_own(tmp_path: Path) -> None:
    main = [
        user(0, "Go"),
        said(1, "m1", call("task", "Task", prompt="Look"), usage(10), stop="tool_use"),
        result(9, "task", "found"),
        said(10, "m2", text("Done."), usage(5), stop="end_turn"),
        user(20, "More"),
        said(21, "m3", text("Done."), usage(6), stop="end_turn"),
    ]
    side = {"isSidechain": True, "agentId": "a1"}
    sub = [
        user(2, "Look", **side),
        said(3, "s1", call("t9", "Read", file_path="/repo/x"), usage(20), **side),
        result(4, "t9", "…", **side),
        said(5, "s2", text("found"), usage(30), stop="end_turn", **side),
    ]
    path = chat(tmp_path, main)
    file = path.parent / SESSION / "subagents" / "agent-a1.jsonl"
    write(file, sub, lines=True)
    file.with_suffix(".meta.json").write_text('{"toolUseId": "task"}')
    sessions, _ = told(Claude(), file, path)
    events = sessions[SESSION]
    assert tokens(events)["completion"] == 10 + 5 + 6 + 20 + 30
    assert {each.parent_tool_call_id for each in records(events, "llm_usage")} == {None, "task"}
    read = next(event for event in events if event.source_file == str(file))
    assert read.data.parent_tool_call_id == "task"  # type: ignore[attr-defined]
    of_it = {event.iteration_id for event in events if event.source_file == str(file)}
    assert of_it == {f"{SESSION}-1"}
    assert len(records(events, "iteration_start")) == 2


def test_a_side_chain_within_the_session_belongs_to_its_call(tmp_path: Path) -> None:
    side = {"isSidechain": True}
    lines = [
        user(0, "Go"),
        said(1, "m1", call("task", "Task", prompt="Look"), usage(10), stop="tool_use"),
        user(2, "Look", **side, uuid="root"),
        said(3, "s1", text("I do"), usage(20), **side, parentUuid="root", uuid="s1"),
        said(
            4,
            "m1",
            text("again"),
            usage(10),
            **side,
            parentUuid="s1",
            uuid="replay",
            requestId="other",
        ),
        result(9, "task", "found"),
        said(10, "m2", text("Done."), usage(5), stop="end_turn"),
    ]
    sessions, reading = told(Claude(), chat(tmp_path, lines))
    used = [
        (each.message_id, each.parent_tool_call_id)
        for each in records(sessions[SESSION], "llm_usage")
    ]
    assert sorted(used) == [("m1", None), ("m2", None), ("s1", "task")]
    assert len(records(sessions[SESSION], "user_message")) == 1
    assert len(reading.left_out) == 1


def test_a_line_that_cannot_be_read_is_counted_and_the_next_one_read(tmp_path: Path) -> None:
    path = chat(tmp_path)
    good = path.read_bytes().splitlines(keepends=True)
    wrong = [b"npm WARN\n", b'{"type":"assistant","message":3}\n', b'{"type":"user"}\n',
             b'{"type":"progress","message":3}\n', good[1].replace(b"Z", b"")]  # fmt: skip
    half = good[1].replace(b"Fix it", rb"cut \ud83d").replace(b"user-0", b"other")
    path.write_bytes(b"".join([*wrong, half, *good, good[3][:70]]))
    sessions, reading = told(Claude(), path)
    assert reading.unreadable_lines == 5
    assert [each.line for each in reading.unreadable] == [1, 2, 3, 5, len(good) + 7]
    assert tokens(sessions[SESSION])["completion"] == 112
    assert sum(end.unreadable_stream_lines for end in records(sessions[SESSION], "iteration_end"))


def test_a_line_without_an_end_is_told_and_not_kept_in_memory(tmp_path: Path) -> None:
    path = chat(tmp_path, CHAT[:2])
    rest = b"".join(json.dumps(each).encode() + b"\n" for each in CHAT[2:])
    with path.open("ab") as file:
        file.write(b'{"type":"user","x":"' + b"x" * (65 << 20) + b'"}\n' + rest)
    sessions, reading = told(Claude(), path)
    assert [(each.line, each.reason) for each in reading.unreadable] == [
        (3, "longer than 67108864 bytes")
    ]
    assert tokens(sessions[SESSION])["completion"] == 112


def test_a_cost_that_the_source_tells_is_kept_apart(tmp_path: Path) -> None:
    lines = [user(0, "Go"), said(1, "m1", text("x"), usage(10), costUSD=0.25)]
    sessions, _ = told(Claude(), chat(tmp_path, lines))
    (used,) = records(sessions[SESSION], "llm_usage")
    assert used.reported_cost_usd == 0.25
    assert used.cost_usd == pytest.approx((10 * 3 + 1000 * 0.3 + 200 * 3.75 + 10 * 15) / 1e6)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the samples of other tools are not here")
@pytest.mark.parametrize("path", sorted((SHARED / "agentcmd").glob("*claude*")), ids=str)
def test_real_sessions_come_to_what_their_lines_say(path: Path) -> None:
    """Independent count: of each message the line with the most output."""
    best: dict[str, Json] = {}
    calls = set()
    for raw in path.read_bytes().splitlines():
        value = json.loads(raw)
        if value["type"] == "assistant":
            message = value["message"]
            best[message["id"]] = max(
                best.get(message["id"], message["usage"]), message["usage"],
                key=lambda used: used["output_tokens"],
            )  # fmt: skip
            calls |= {b["id"] for b in message["content"] if b["type"] == "tool_use"}
    assert knows(Claude(), path)
    sessions, reading = told(Claude(), path)
    (events,) = sessions.values()
    names = {"uncached": "input_tokens", "cache_read": "cache_read_input_tokens",
             "cache_write": "cache_creation_input_tokens", "completion": "output_tokens"}  # fmt: skip
    wanted = {mine: sum(used[name] for used in best.values()) for mine, name in names.items()}
    assert tokens(events) == {**wanted, "reasoning": 0}
    assert {each.tool_call_id for each in records(events, "tool_call")} == calls
    assert not reading.unreadable_lines
    assert all(decode(path.read_bytes().splitlines()[event.source_line - 1]) for event in events
               if event.source_line)  # fmt: skip
