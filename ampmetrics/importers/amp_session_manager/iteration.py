"""One iteration as amp-session-manager's lines tell it → events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec.structs import replace

from ampmetrics.agents.reading import count, number, shallow, text, whole
from ampmetrics.agents.usage import llm_usage
from ampmetrics.events import (
    Event,
    FileEdit,
    GitOperation,
    IterationEnd,
    IterationStart,
    Record,
    TestResult,
    ToolCall,
    UserMessage,
    kind_of,
)
from ampmetrics.importers.amp_session_manager.mended import Start, Streamed, is_tool, operation
from ampmetrics.importers.contract import Reading
from ampmetrics.importers.values import time_of

__all__ = ["KINDS", "Iteration", "Line"]

OWN_FILES = "AGENT_CONTEXT/"
_SHA = 40


@dataclass(frozen=True, slots=True)
class Line:
    """An event as it was written."""

    number: int
    at: datetime
    kind: str
    data: dict[str, Any]
    is_copy: bool
    """of a call that another session made"""


@dataclass(slots=True)
class Iteration:
    """The lines of one iteration, from one file."""

    session_id: str
    id: str
    file: str
    lines: list[Line] = field(default_factory=list)
    has_numbers: bool = True
    """of lines; rows of a database have none"""
    cwd: str | None = None
    thread: str | None = None
    """Amp's id of the conversation"""

    def events(self, reading: Reading) -> Iterator[Event]:
        """Its events in the order of the lines; what is not so is counted and left out."""
        ended = any(line.kind == "iteration_end" for line in self.lines)
        calls = self._calls(ended, reading)
        if not ended:
            reading.leave_out("iterations that never ended: their end, time and status are null")
        for line in self.lines:
            record: Record | None = calls.get(line.number)
            if line.kind in _RECORDS:
                record = _RECORDS[line.kind](line, reading)
            elif line.kind in _NOT_READ:
                reading.leave_out(_NOT_READ[line.kind])
            if record is not None:
                yield self._event(record, line)

    def _event(self, record: Record, line: Line) -> Event:
        at = record.started_at if isinstance(record, ToolCall) else None
        if isinstance(record, IterationStart):
            record = replace(record, cwd=self.cwd)
        elif isinstance(record, IterationEnd):
            record = replace(record, agent_session_id=self.thread)
        return Event(
            type=kind_of(record),
            session_id=self.session_id,
            iteration_id=self.id,
            timestamp=at or line.at,
            source_file=self.file,
            source_line=line.number if self.has_numbers else None,
            data=record,
        )

    def _calls(self, ended: bool, reading: Reading) -> dict[int, ToolCall]:
        """Of an iteration that ended those of the telemetry, of another those of the stream."""
        told = [line for line in self.lines if line.kind == "streaming_tool_start"]
        streamed = [_start(line) for line in told if not line.is_copy]
        if copies := len(told) - len(streamed):
            reading.leave_out("calls of sessions beside it (cross-talk)", copies)
        counted = [line for line in self.lines if line.kind == "tool_call"]
        tools = {start.tool for start in streamed}
        real = [
            line
            for line in counted
            if is_tool(text(line.data.get("toolName")), tools, has_stream=bool(streamed))
        ]
        if phantoms := len(counted) - len(real):
            reading.leave_out("tool calls whose tool is a word of prose (phantoms)", phantoms)
        if not real or not ended:
            if real:
                reading.leave_out("tool calls told by the stream too", len(real))
            return {start.line: _streamed(start) for start in streamed}
        left = Streamed(streamed)
        calls = {line.number: _call(line, left, reading) for line in real}
        if left:
            reading.leave_out("calls of the stream that the iteration did not count", len(left))
        return calls


def _start(line: Line) -> Start:
    return Start(line.at, text(line.data.get("toolName")), line.data.get("args"), line.number)


def _streamed(start: Start) -> ToolCall:
    return ToolCall(tool_name=start.tool, args=shallow(start.args), started_at=start.at)


def _call(line: Line, streamed: Streamed, reading: Reading) -> ToolCall:
    data = line.data
    tool = text(data.get("toolName"))
    begin, end = time_of(data.get("startTime")), time_of(data.get("endTime"))
    spent, success = number(data.get("durationMs")), data.get("success")
    made_up = not spent and success is True
    if made_up:
        reading.leave_out("tool calls of 0 ms that always succeed: both are null")
    start = streamed.take(begin or line.at, tool)
    args = start.args if start else data.get("args")
    return ToolCall(
        tool_name=tool,
        # What else stands there was picked out of prose.
        args=shallow(args) if start or not made_up else None,
        started_at=begin,
        ended_at=None if made_up else end,
        duration_ms=None if made_up else spent,
        success=None if made_up or not isinstance(success, bool) else success,
        error_message=text(data.get("errorMessage")),
    )


def _began(line: Line, reading: Reading) -> Record:  # noqa: ARG001
    sha = text(line.data.get("gitSha"))
    return IterationStart(
        iteration_number=count(line.data.get("iterationNumber")),
        git_sha=sha if sha and len(sha) == _SHA else None,
        agent="amp",
    )


def _asked(line: Line, reading: Reading) -> Record:  # noqa: ARG001
    return UserMessage(message=text(line.data.get("message")))


def _used(line: Line, reading: Reading) -> Record:
    data = line.data
    if data.get("costUsd") is not None:
        reading.leave_out("costs of a price list that did not have the model: computed anew")
    if data.get("latencyMs") is not None:
        reading.leave_out("latencies that are the whole iteration's time: null")
    return llm_usage(
        line.at,
        model=text(data.get("model")),
        uncached=count(data.get("promptTokens")),
        cache_read=None,
        cache_write=None,
        completion=count(data.get("completionTokens")),
    )


def _edited(line: Line, reading: Reading) -> Record | None:
    data = line.data
    path, diff = text(data.get("path")), text(data.get("diff"))
    if path and path.startswith(OWN_FILES):
        reading.leave_out(f"edits of amp-session-manager's own files ({OWN_FILES})")
        return None
    said = text(data.get("operation"))
    done = operation(said, diff)
    if done != said:
        reading.leave_out('edits that say "modify" of any file: told by their diff, else null')
    cut = diff is not None and diff.rstrip().endswith("truncated)")
    cut = cut or (diff is not None and "... (truncated " in diff[-60:])
    return FileEdit(
        path=path,
        operation=done,
        lines_added=count(data.get("linesAdded")),
        lines_deleted=count(data.get("linesDeleted")),
        diff=diff,
        diff_bytes=None if diff is None or cut else len(diff.encode()),
    )


def _committed(line: Line, reading: Reading) -> Record:  # noqa: ARG001
    data = line.data
    return GitOperation(
        operation=text(data.get("operation")),
        sha_before=text(data.get("shaBefore")),
        sha_after=text(data.get("shaAfter")),
        files_changed=count(data.get("filesChanged")),
        insertions=count(data.get("insertions")),
        deletions=count(data.get("deletions")),
    )


def _tested(line: Line, reading: Reading) -> Record:
    data = line.data
    framework = text(data.get("framework"))
    result = TestResult(
        framework=framework,
        command=text(data.get("command")),
        total=count(data.get("total")),
        passed=count(data.get("passed")),
        failed=count(data.get("failed")),
        skipped=count(data.get("skipped")),
        duration_ms=number(data.get("durationMs")) or None,
        exit_code=whole(data.get("exitCode")),
    )
    if framework != "script":
        return result
    # One "test", which is the command itself: its exit code says the same.
    reading.leave_out("test counts that are the command's exit code: null")
    return replace(result, framework=None, total=None, passed=None, failed=None, skipped=None)


def _ended(line: Line, reading: Reading) -> Record:
    data = line.data
    code, said = whole(data.get("exitCode")), text(data.get("status"))
    if code == 0:
        # It begins as 0 and is never set: a run that failed says 0 as well.
        reading.leave_out("exit codes 0 of iterations, which are always 0: null")
    waits = said == "awaiting-input"
    return IterationEnd(
        iteration_number=count(data.get("iterationNumber")),
        status=None if waits else said,
        reason="awaiting-input, as read from its output" if waits else None,
        duration_ms=number(data.get("durationMs")),
        exit_code=code or None,
    )


_RECORDS: dict[str, Callable[[Line, Reading], Record | None]] = {
    "iteration_start": _began,
    "user_message": _asked,
    "llm_usage": _used,
    "file_edit": _edited,
    "git_operation": _committed,
    "test_result": _tested,
    "iteration_end": _ended,
}
_NOT_READ = {
    "streaming_tool_finish": "ends of calls with made-up times (streaming_tool_finish)",
    "streaming_token_usage": "tokens told in passing, without a sum (streaming_token_usage)",
}
KINDS = frozenset(_RECORDS) | frozenset(_NOT_READ) | {"tool_call", "streaming_tool_start"}
"""Kinds of events that amp-session-manager declares."""
