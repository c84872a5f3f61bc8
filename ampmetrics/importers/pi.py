"""pi: its sessions, one file each; also the saved output of `pi --mode json`, which says the same.

An entry is written when it is done; a message of the model says besides when its request began. A
session that was forked begins with a copy of the one it came from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from ampmetrics.agents import Arrival, Request
from ampmetrics.agents.calls import Calls
from ampmetrics.agents.pi import PiStream
from ampmetrics.agents.reading import decode, event, listed, mapping, moment, shallow, text
from ampmetrics.events import Event, FileEdit, IterationEnd, IterationStart, LlmUsage
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.edits import edit, relative
from ampmetrics.importers.heads import head_of
from ampmetrics.importers.turns import Turns
from ampmetrics.importers.values import milliseconds_between, said, time_of

__all__ = ["Pi"]

_EXIT_CODE = re.compile(r"Command exited with code (-?\d{1,9})\s*\Z")
_ENTRIES = ("message", "message_end")
"""of a session, and of the output"""
_STATUS = {"stop": "success", "error": "failed", "length": "failed", "aborted": "cancelled"}


class Pi(Source):
    """pi's session files."""

    name: ClassVar[str] = "pi"
    tool: ClassVar[str] = "pi"

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """The folder in which each working folder has its sessions."""
        agent = env.get("PI_CODING_AGENT_DIR")
        return [Path(agent or home / ".pi" / "agent") / "sessions"]

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Its first line is a session with a folder."""
        return _header(head) is not None

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """One a file, the first begun first, as a fork repeats what it came from."""
        headers = {path: _header(head_of(path)) or {} for path in files}
        for path in sorted(files, key=lambda path: (headers[path].get("timestamp", ""), path)):
            header = headers[path]
            session = text(header.get("id"))
            if session is None:
                reading.cannot_read(path, None, "names no session")
            elif not reading.is_first("pi session", session):
                reading.leave_out("copies of sessions")
            else:
                yield Found(
                    id=session,
                    files=(path,),
                    told_by_files=True,
                    cwd=text(header.get("cwd")),
                    events=partial(_events, session, path, text(header.get("cwd"))),
                )


def _header(head: bytes) -> dict[str, Any] | None:
    try:
        value = decode(head.partition(b"\n")[0])
    except ValueError:
        return None
    is_session = isinstance(value, dict) and value.get("type") == "session"
    return value if is_session and isinstance(value.get("cwd"), str) else None


def _events(session: str, path: Path, cwd: str | None, reading: Reading) -> Iterator[Event]:
    telling = _Telling(Turns(session, path, agent="pi"), path, cwd, reading)
    for number, line in reading.lines(path):
        telling.turns.lines += 1
        try:
            value = shallow(event(line))
            if value["type"] in _ENTRIES:
                message = mapping(value.get("message"), "message")
                at = time_of(value.get("timestamp")) or moment(message.get("timestamp"))
                if at is None:
                    raise ValueError("a message without a time")
                key = text(message.get("responseId")) or text(value.get("id"))
                if key is None or reading.is_first("pi", key, at):
                    yield from telling.message(message, at, number)
                else:
                    reading.leave_out("messages that another session told before (forks)")
        except ValueError as error:
            telling.turns.unreadable_lines += 1
            reading.cannot_read(path, number, str(error))
    yield from telling.end()


class _Telling:
    def __init__(self, turns: Turns, path: Path, cwd: str | None, reading: Reading) -> None:
        self.turns = turns
        self._reading = reading
        self._stream = PiStream(Request(prompt="", evidence=path.parent))
        self._calls = Calls()
        self._paths: dict[str, str] = {}
        """call → file that it edits"""
        self._cwd = cwd
        self._end = IterationEnd()

    def message(self, message: dict[str, Any], at: datetime, line: int) -> Iterator[Event]:
        """One message; raises ValueError where it is not of the format."""
        match message.get("role"):
            case "user":
                yield from self.end()
                start = IterationStart(cwd=self._cwd)
                yield from self.turns.begin(start, at, line, said(message.get("content")))
            case "assistant":
                yield from self.turns.tell_all(self._answer(message, at), line)
                status = _STATUS.get(str(message.get("stopReason")))
                reason = None if status == "success" else text(message.get("errorMessage"))
                spent = milliseconds_between(self.turns.begun_at, at)
                self._end = IterationEnd(
                    status=status,
                    reason=reason and reason[:500],
                    duration_ms=spent if status else None,
                )
            case "toolResult":
                yield from self.turns.tell_all(self._result(message, at), line)

    def end(self) -> Iterator[Event]:
        """The iteration is over, if one is open; calls without a result have none."""
        if self.turns.is_open:
            yield from self.turns.tell_all(self._calls.close(self.turns.last_at), None)
        yield from self.turns.end(self._end)
        self._end = IterationEnd()

    def _answer(self, message: dict[str, Any], at: datetime) -> list[Arrival]:
        for block in listed(message.get("content")):
            if block.get("type") == "toolCall":
                args = block.get("arguments")
                self._calls.begin(block.get("id"), block.get("name"), args, at)
                if isinstance(args, dict) and isinstance(args.get("path"), str):
                    self._paths[str(block["id"])] = args["path"]
        line = msgspec.json.encode({"type": "message_end", "message": message})
        spent = milliseconds_between(moment(message.get("timestamp")), at)
        return [
            Arrival(replace(arrival.record, latency_ms=spent), arrival.at)
            if isinstance(arrival.record, LlmUsage)
            else arrival
            for arrival in self._stream.read(line, at)
        ]

    def _result(self, message: dict[str, Any], at: datetime) -> list[Arrival]:
        key, failed = message.get("toolCallId"), message.get("isError")
        told = said(message.get("content"))
        end = _EXIT_CODE.search(told) if failed else None
        found = self._calls.end(
            key,
            at,
            failed=failed if isinstance(failed, bool) else None,
            said=told,
            exit_code=int(end[1]) if end else None,
        )
        path = self._paths.pop(key, None) if isinstance(key, str) else None
        made = _edit(message, path, self._cwd) if found and path and failed is False else None
        if made is None and message.get("toolName") == "write" and failed is False:
            self._reading.leave_out("files written whole, whose lines before are not told")
        return [*found, Arrival(made, at)] if made else found


def _edit(message: dict[str, Any], path: str, cwd: str | None) -> FileEdit | None:
    """The edit that a result shows, in a form of its own: changed lines with + or - before them."""
    details = message.get("details")
    diff = text(details.get("diff")) if isinstance(details, dict) else None
    if diff is None:
        return None
    lines = diff.split("\n")
    added, deleted = (sum(line.startswith(sign) for line in lines) for sign in "+-")
    call = text(message.get("toolCallId"))
    return edit(relative(path, cwd), None, added, deleted, call=call, operation="modify")
