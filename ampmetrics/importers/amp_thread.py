"""A thread of Amp as a document, its own file or an export, as events.

Tokens are in the messages; the ledger, where there is one, has the requests that no message shows:
titles, helper tools, sub-agents. Credits are no USD and are not taken as a cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from msgspec.structs import replace

from ampmetrics.agents.amp import Amp, AmpStream
from ampmetrics.agents.calls import Calls
from ampmetrics.agents.reading import decode, listed, mapping, moment, text, whole
from ampmetrics.events import Event, IterationEnd, IterationStart, LlmUsage, Record, ToolCall
from ampmetrics.importers.amp_edits import edit_of
from ampmetrics.importers.amp_usage import Ledger, usage_of
from ampmetrics.importers.contract import Reading
from ampmetrics.importers.documents import elements, members
from ampmetrics.importers.turns import Turns

__all__ = ["Thread", "events_of", "read_thread"]

_STATUS = {"complete": "success", "cancelled": "cancelled", "error": "failed"}
_FAILED = {"error", "cancelled", "rejected-by-user"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Thread:
    """What is known of a thread before its messages are read."""

    id: str
    path: Path
    created: float
    """ms since 1970; 0 where it is not told"""
    size: int
    cwd: str | None
    ledger_sum: tuple[int, int] | None
    """input and output of all its ledger; null: it has none"""


def read_thread(path: Path, reading: Reading) -> Thread | None:
    """The head of a document; null, and told as unreadable, where it is none of a thread."""
    try:
        document = path.read_bytes()
        value = _inner(mapping(decode(document), "thread"))
        id_ = text(value.get("id"))
        if id_ is None:
            raise ValueError("a thread without an id")
    except (OSError, ValueError) as error:
        reading.cannot_read(path, None, str(error))
        return None
    created = value.get("created")
    return Thread(
        id=id_,
        path=path,
        created=float(created) if isinstance(created, int | float) else 0,
        size=len(document),
        cwd=_folder(_tree(value)),
        ledger_sum=Ledger(value.get("usageLedger")).sum,
    )


def events_of(thread: Thread, sums: set[tuple[int, int]], reading: Reading) -> Iterator[Event]:
    """Its prompts, calls, edits and model requests.

    `sums` are those of the other threads' ledgers: a sub-agent with a thread of its own is counted
    there.
    """
    document = reading.whole(thread.path)
    if document is None:
        return
    try:
        yield from _Document(thread, document, reading).events(sums)
    except ValueError as error:
        reading.cannot_read(thread.path, None, str(error))


class _Document:
    def __init__(self, thread: Thread, document: bytes, reading: Reading) -> None:
        self._thread, self._document, self._reading = thread, document, reading
        self._value = _inner(mapping(decode(document), "thread"))
        self._turns = Turns(thread.id, thread.path, agent="amp")
        self._calls = Calls(AmpStream.delegates)
        self._ledger = Ledger(self._value.get("usageLedger"))
        self._times: dict[str, tuple[datetime | None, datetime | None]] = {}
        self._answered: dict[str, datetime] = {}
        self._at = moment(self._value.get("created"))
        self._start = self._first()

    def events(self, sums: set[tuple[int, int]]) -> Iterator[Event]:
        for line, raw in self._messages():
            self._reading.lines_read += 1
            try:
                yield from self._message(mapping(decode(raw), "message"), line)
            except ValueError as error:
                self._turns.unreadable_lines += 1
                self._reading.cannot_read(self._thread.path, line, str(error))
        if self._at is None:
            return
        for arrival in self._calls.close(self._at):
            yield from self._turns.tell(arrival.record, arrival.at, None)
        yield from self._rest(sums)
        yield from self._turns.end(self._end(None))

    def _messages(self) -> Iterator[tuple[int, bytes]]:
        document = members(self._document)
        if "messages" not in document and "thread" in document:
            document = members(document["thread"])
        return elements(self._document, document.get("messages", b"[]"))

    def _first(self) -> IterationStart:
        tree = _tree(self._value)
        found = tree.get("repository")
        repository: dict[str, Any] = found if isinstance(found, dict) else {}
        branch = text(repository.get("ref"))
        initial = _initial(self._value)
        platform = initial.get("platform")
        tags = initial.get("tags")
        tagged = [str(tag) for tag in tags] if isinstance(tags, list) else []
        tagged = [tag for tag in tagged if tag.startswith("model:")]
        return IterationStart(
            cwd=self._thread.cwd,
            git_branch=branch and branch.removeprefix("refs/heads/"),
            git_sha=text(repository.get("sha")),
            agent_version=text(platform.get("clientVersion"))
            if isinstance(platform, dict)
            else None,
            model=text(self._value.get("agentMode"))
            or (tagged[0].removeprefix("model:") if tagged else None),
        )

    def _message(self, message: dict[str, Any], line: int) -> Iterator[Event]:
        content = listed(message.get("content"))
        meta = message.get("meta")
        sent = moment(meta.get("sentAt")) if isinstance(meta, dict) else None
        self._at = sent or self._at
        if message.get("role") == "user":
            yield from self._user(message, content, line)
        elif message.get("role") == "assistant":
            yield from self._assistant(message, content, line)

    def _user(
        self, message: dict[str, Any], content: list[dict[str, Any]], line: int
    ) -> Iterator[Event]:
        texts = [text(block.get("text")) for block in content if block.get("type") == "text"]
        words = "\n".join(filter(None, texts))
        for block in content:
            if block.get("type") == "tool_result":
                yield from self._answer(block, line)
        if words and not message.get("parentToolUseId"):
            at = self._known()
            yield from self._turns.end(self._end(None))
            yield from self._turns.begin(self._start, at, line, words)

    def _assistant(
        self, message: dict[str, Any], content: list[dict[str, Any]], line: int
    ) -> Iterator[Event]:
        found = message.get("usage")
        usage: dict[str, Any] = found if isinstance(found, dict) else {}
        entry = self._ledger.take(message.get("messageId"), usage)
        calls = [block for block in content if block.get("type") == "tool_use"]
        begun = [moment(call.get("startTime")) for call in calls]
        known = [entry.at if entry else None, _time(usage.get("timestamp")), *begun]
        self._at = max(filter(None, [*known, self._at]), default=None)
        at = self._known()
        for call in calls:
            key = str(call.get("id"))
            times = moment(call.get("startTime")), moment(call.get("finalTime"))
            self._times[key] = times
            self._calls.begin(call.get("id"), call.get("name"), call.get("input"), times[0] or at)
        if usage or entry:
            yield from self._turns.tell(usage_of(usage, entry, at), at, line)
        state = message.get("state")
        kind = text(state.get("type")) if isinstance(state, dict) else None
        if kind in _STATUS and not (kind == "complete" and calls):
            yield from self._turns.end(self._end(_STATUS[kind]), at, line)

    def _answer(self, block: dict[str, Any], line: int) -> Iterator[Event]:
        key, found = block.get("toolUseID"), block.get("run")
        run: dict[str, Any] = found if isinstance(found, dict) else {}
        begun, ended = self._times.pop(str(key), (None, None))
        self._at = max(filter(None, (ended, self._at)), default=None)
        at, result = self._known(), run.get("result")
        self._answered[str(key)] = at
        failed = _failed(run)
        code = whole(result.get("exitCode")) if isinstance(result, dict) else None
        said = _said(run, code)
        failed = failed or bool(code) if failed is not None else None
        for arrival in self._calls.end(key, at, failed=failed, said=said, exit_code=code):
            record = arrival.record
            if isinstance(record, ToolCall) and (begun is None or ended is None):
                record = replace(record, started_at=begun, ended_at=ended, duration_ms=None)
            yield from self._turns.tell(record, at, line)
            if isinstance(record, ToolCall) and record.success:
                for edit in edit_of(record, result, self._thread.cwd):
                    yield from self._turns.tell(edit, at, line)

    def _rest(self, sums: set[tuple[int, int]]) -> Iterator[Event]:
        """Requests that no message shows; without a ledger, that there were some."""
        for entry in self._ledger.rest():
            if entry.is_sub_agent and entry.sum in sums:
                self._reading.leave_out("sums of sub-agents whose own threads are there too")
                continue
            at = entry.at or self._known()
            yield from self._turns.tell(usage_of({}, entry, at), at, None, aside=True)
        if self._ledger.is_there:
            return
        for key in self._calls.unseen():
            hidden: Record = LlmUsage(
                parent_tool_call_id=key,
                scope="not_visible",
                cost_source="the thread does not show these requests",
            )
            at = self._answered.get(key, self._known())
            yield from self._turns.tell(hidden, at, None, aside=True)

    def _end(self, status: str | None) -> IterationEnd:
        unseen = None if self._ledger.is_there else list(Amp.tells.not_visible)
        span = self._turns.last_at - self._turns.begun_at if self._turns.is_open else None
        duration_ms = span.total_seconds() * 1000 if span else None
        return IterationEnd(status=status, duration_ms=duration_ms or None, not_visible=unseen)

    def _known(self) -> datetime:
        """Now, in the thread; raises ValueError where it has told no time yet."""
        if self._at is None:
            raise ValueError("no time is told here")
        return self._at


def _inner(value: dict[str, Any]) -> dict[str, Any]:
    """An export may have the thread within."""
    inner = value.get("thread")
    return inner if "messages" not in value and isinstance(inner, dict) else value


def _initial(value: dict[str, Any]) -> dict[str, Any]:
    env = value.get("env")
    initial = env.get("initial") if isinstance(env, dict) else None
    return initial if isinstance(initial, dict) else {}


def _tree(value: dict[str, Any]) -> dict[str, Any]:
    return next(iter(listed(_initial(value).get("trees"))), {})


def _folder(tree: dict[str, Any]) -> str | None:
    uri = text(tree.get("uri"))
    try:
        return unquote(urlsplit(uri).path) if uri and uri.startswith("file:") else uri
    except ValueError:
        return None


def _time(value: object) -> datetime | None:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
    return found if found and found.tzinfo else None


def _failed(run: dict[str, Any]) -> bool | None:
    status = text(run.get("status"))
    return True if status in _FAILED else False if status == "done" else None


def _said(run: dict[str, Any], code: int | None) -> str:
    error = run.get("error")
    message = text(error.get("message")) if isinstance(error, dict) else text(error)
    return message or (f"exit code {code}" if code else str(run.get("status")))
