"""Files of Claude Code, Codex and Amp with anything in them: reading ends, and all is counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import test_import_amp as amp
import test_import_claude as claude
import test_import_codex as codex
from hypothesis import given
from hypothesis import strategies as st
from test_import_hostile import QUICK, changed, survives

from ampmetrics.importers import SOURCES

SIDE = {"isSidechain": True}
TOTAL = codex.used(1000, 900, 50)
CHANGES = {"/repo/a.py": {"type": "update", "unified_diff": "@@\n+x", "move_path": "/repo/b.py"}}
CALL = {"type": "tool_use", "id": "t1", "name": "edit_file", "input": {"path": "/repo/a.py"}}
ANSWER = {
    "type": "tool_result",
    "tool_use_id": "t1",
    "content": '{"diff": "+x"}',
    "is_error": False,
}
LINES: dict[str, list[Any]] = {
    "claude": [
        *claude.CHAT, claude.user(30, "Look", **SIDE, uuid="root"),
        claude.said(31, "s1", claude.text("x"), claude.usage(20), **SIDE, parentUuid="root"),
    ],
    "codex": [
        codex.meta(forked_from_id="x"), codex.MODEL, codex.PROMPT,
        codex.item(2, "function_call", name="shell", call_id="c1", arguments='{"command": []}'),
        codex.item(3, "function_call_output", call_id="c1",
                   output='{"output": "", "metadata": {"exit_code": 1, "duration_seconds": 2.5}}'),
        codex.event(4, "item_completed", item={"type": "FileChange", "id": "c2", "changes": CHANGES,
                                               "status": "completed"}),
        codex.item(5, "custom_tool_call", name="apply_patch", call_id="c3",
                   input="*** Begin Patch\n*** Update File: a\n+x\n*** End Patch"),
        codex.item(6, "custom_tool_call_output", call_id="c3", output="Exit code: 0"),
        codex.counted(7, TOTAL, TOTAL), codex.record(8, "r1", TOTAL),
        codex.event(9, "task_complete", error={"message": "x"}, duration_ms=4),
    ],
    "amp": [
        {**line, "session_id": amp.THREAD} for line in (
            amp.INIT, amp.prompt("Go"), amp.said(amp.used(1, 2, 3, 4), CALL),
            {"type": "user", "message": {"content": [ANSWER]}}, amp.DONE,
        )
    ],
}  # fmt: skip
LEDGER = [amp.entry(1, 1, 10, 50), amp.entry(2, None, 1, 2, operationType="subagent")]


def assert_read(path: Path, name: str, content: bytes) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    SOURCES[name].knows(path, content)
    survives(SOURCES[name], path)


@pytest.mark.parametrize("name", LINES)
@QUICK
@given(data=st.data())
def test_lines(tmp_path: Path, name: str, data: st.DataObject) -> None:
    lines = data.draw(changed(LINES[name]))
    torn = data.draw(st.integers(0, 200))
    content = "".join(f"{json.dumps(line)}\n" for line in lines).encode()
    assert_read(tmp_path / "subagents" / "file.jsonl", name, content[: len(content) - torn])


@QUICK
@given(data=st.data())
def test_a_thread(tmp_path: Path, data: st.DataObject) -> None:
    value = data.draw(changed(amp.thread(ledger=LEDGER)))
    assert_read(tmp_path / "T-1.json", "amp", json.dumps(value, indent=1).encode())


@pytest.mark.parametrize("name", LINES)
@QUICK
@given(content=st.binary(max_size=60))
def test_any_bytes(tmp_path: Path, name: str, content: bytes) -> None:
    assert_read(tmp_path / "rollout-x.jsonl", name, content)
