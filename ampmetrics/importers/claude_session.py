"""One session of Claude Code, its own file and its sub-agents', as events."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ampmetrics.agents.calls import Calls
from ampmetrics.agents.claude import claude_answer
from ampmetrics.agents.reading import count, decode, number
from ampmetrics.agents.usage import llm_usage
from ampmetrics.events import Event, IterationEnd, IterationStart, LlmUsage, Record, ToolCall
from ampmetrics.importers.claude_edits import edit_of
from ampmetrics.importers.claude_lines import (
    Block,
    Line,
    Message,
    Usage,
    parent_of,
    read_line,
)
from ampmetrics.importers.contract import Reading
from ampmetrics.importers.turns import Turns

__all__ = ["events_of"]

_SYNTHETIC = "<synthetic>"
_INTERRUPTED = "[Request interrupted by user"
_NO_PROMPT = re.compile(
    r"\s*<(task-notification|local-command-|bash-input|bash-stdout|bash-stderr|system-reminder)"
)
_COMMAND = re.compile(r"\s*<command-(name|message)>")
_MESSAGES = ("user", "assistant")
_DELEGATES = ("task", "agent")
_COPY = "messages that repeat those of another session"
_REPLAY = "messages of a side chain that repeat those of its session"
_AGAIN = "lines that stand in their session's files twice"
_OWN_WORDS = "messages of the CLI itself (<synthetic>)"


def events_of(
    session_id: str, mains: Sequence[Path], agents: Sequence[Path], reading: Reading
) -> Iterator[Event]:
    """Its prompts, calls, edits and model requests; those of sub-agent files come after its own."""
    session = _Session(session_id, (*mains, *agents)[0], reading)
    for path in mains:
        yield from session.read(path)
    yield from session.finish()
    for path in agents:
        yield from session.read(path, aside=True)


@dataclass(slots=True)
class _Ending:
    """What is known of how the present iteration ends."""

    reason: str | None = None
    is_failed: bool = False
    is_cancelled: bool = False
    stop_reason: str | None = None

    def go_on(self, stop_reason: str | None) -> None:
        """The agent said something more."""
        self.reason, self.is_failed, self.is_cancelled = None, False, False
        self.stop_reason = stop_reason

    def as_end(self, duration_ms: float, *, goes_on: bool) -> IterationEnd:
        """`goes_on`: another prompt follows, so the agent had handed over."""
        status = None
        if self.is_cancelled:
            status = "cancelled"
        elif self.is_failed:
            status = "failed"
        elif self.stop_reason in ("end_turn", "stop_sequence") or goes_on:
            status = "success"
        return IterationEnd(status=status, reason=self.reason, duration_ms=duration_ms or None)


@dataclass(slots=True)
class _Chain:
    """One conversation with a model, the session's own or a sub-agent's, and its last message."""

    parent: str | None = None
    key: tuple[str, str] | None = None
    """of the message that its last line was of"""
    is_new: bool = False
    """that message was not told before"""
    message: Message | None = None
    """null: it is told, or has no usage; more lines of it may follow, the last is the final one"""
    at: datetime = datetime.min
    line: int = 0
    cost_usd: Any = None
    """as the line has it"""


class _Session:
    def __init__(self, id_: str, path: Path, reading: Reading) -> None:
        self._id = id_
        self._reading = reading
        self._turns = Turns(id_, path, agent="claude")
        self._calls = Calls()
        self._ending = _Ending()
        self._main = _Chain()
        self._chains: dict[str, _Chain] = {}
        """side chains in the file, by their first line"""
        self._lines: set[int] = set()
        self._told: set[str] = set()
        """ids of its messages"""
        self._tasks: dict[str, str] = {}
        """prompt of a sub-agent → its call"""
        self._side: dict[str, str] = {}
        """line of a side chain in this file → its first line"""
        self._command: tuple[Line, datetime, int, str] | None = None
        self._aside = False

    def read(self, path: Path, *, aside: bool = False) -> Iterator[Event]:
        """The events of one of its files."""
        self._aside = aside
        self._turns.stand_in(path)
        if aside:
            self._main, self._chains = _Chain(parent=parent_of(path)), {}
        number_ = 0
        for number_, raw in self._reading.lines(path):
            self._turns.lines += 1
            try:
                line = read_line(raw)
                if line is None or line.type not in _MESSAGES or self._is_again(line):
                    continue
                yield from self._message(line, number_)
            except ValueError as error:
                self._turns.unreadable_lines += 1
                self._reading.cannot_read(path, number_, str(error))
        for chain in (self._main, *self._chains.values()):
            yield from self._close(chain)
        for arrival in self._calls.close(self._turns.last_at):
            yield from self._tell(arrival.record, arrival.at, number_)

    def finish(self) -> Iterator[Event]:
        """The end of its last iteration."""
        yield from self._end(goes_on=False)

    def _is_again(self, line: Line) -> bool:
        """It stood in this session before, maybe in another copy of its file."""
        if line.uuid is None:
            return False
        known = len(self._lines)
        self._lines.add(hash(line.uuid))
        if len(self._lines) > known:
            return False
        self._reading.leave_out(_AGAIN)
        return True

    def _message(self, line: Line, number_: int) -> Iterable[Event]:
        message, at = line.message, line.timestamp
        if message is None or at is None or at.tzinfo is None:
            raise ValueError("a message without its content or its time")
        chain = self._chain(line, message) if line.is_sidechain and not self._aside else self._main
        if line.type == "user":
            return self._user(line, message, chain, at, number_)
        if message.model == _SYNTHETIC or line.is_api_error_message:
            self._own_words(line, message)
            return ()
        return self._assistant(line, message, chain, at, number_)

    def _chain(self, line: Line, message: Message) -> _Chain:
        """A side chain in the session's file."""
        root = self._side.get(line.parent_uuid or "", line.uuid or "")
        if line.uuid:
            self._side[line.uuid] = root
        if root not in self._chains:
            self._chains[root] = _Chain(parent=self._tasks.get(_words(message)))
        return self._chains[root]

    def _user(
        self, line: Line, message: Message, chain: _Chain, at: datetime, number_: int
    ) -> Iterator[Event]:
        results = [block for block in message.blocks if block.type == "tool_result"]
        for block in results:
            yield from self._answer(block, line, at, number_)
        if results or line.is_meta or line.is_sidechain or line.is_compact_summary or self._aside:
            return
        words = _words(message)
        if words.startswith(_INTERRUPTED):
            self._ending.is_cancelled, self._ending.reason = True, words[:200]
        elif _COMMAND.match(words):
            # A command of the CLI's own asks no model: one that does is followed by its answer.
            self._command = (line, at, number_, words)
        elif words and not _NO_PROMPT.match(words):
            yield from self._close(chain)
            yield from self._prompt(line, at, number_, words)

    def _prompt(self, line: Line, at: datetime, number_: int, words: str) -> Iterator[Event]:
        self._command = None
        if not self._reading.is_first("claude prompt", line.uuid or (self._id, number_)):
            self._reading.leave_out("prompts that repeat those of another session")
            return
        yield from self._end(goes_on=True)
        start = IterationStart(
            cwd=line.cwd, git_branch=line.git_branch or None, agent_version=line.version
        )
        yield from self._turns.begin(start, at, number_, words)
        self._turns.lines = 1

    def _answer(self, block: Block, line: Line, at: datetime, number_: int) -> Iterator[Event]:
        value = {"tool_use_id": block.tool_use_id, "is_error": block.is_error}
        if block.is_error:
            value["content"] = decode(bytes(block.content))
        for arrival in claude_answer(self._calls, value, at):
            yield from self._tell(arrival.record, at, number_)
            edit = edit_of(arrival.record, line) if isinstance(arrival.record, ToolCall) else None
            if edit:
                yield from self._tell(edit, at, number_)

    def _assistant(
        self, line: Line, message: Message, chain: _Chain, at: datetime, number_: int
    ) -> Iterable[Event]:
        told: list[Event] = []
        if self._command:
            begun, begun_at, begun_line, words = self._command
            told += self._prompt(begun, begun_at, begun_line, words)
        key = (message.id or line.uuid or str(number_), line.request_id or "")
        if chain.key != key:
            told += self._close(chain)
            chain.key, chain.is_new = key, self._is_new(key, line)
        if not chain.is_new:
            return told
        for block in message.blocks:
            if block.type == "tool_use":
                self._begin(block, chain, at)
        if chain is self._main and not self._aside:
            self._ending.go_on(message.stop_reason)
        if message.usage is not None:
            _keep(chain, message, line, at, number_)
        return told

    def _is_new(self, key: tuple[str, str], line: Line) -> bool:
        """Not told before: by another session, or by this one where a side chain begins with it."""
        if line.is_sidechain and key[0] in self._told:
            self._reading.leave_out(_REPLAY)
            return False
        self._told.add(key[0])
        # A resumed session may begin with a copy of the one before: its lines have other times, but
        # the same ids. Without an id of the request that of a message may be any proxy's own.
        is_first = self._reading.is_first("claude", *(key if key[1] else (line.uuid or key[0],)))
        if not is_first:
            self._reading.leave_out(_COPY)
        return is_first

    def _begin(self, block: Block, chain: _Chain, at: datetime) -> None:
        args = decode(bytes(block.input))
        self._calls.begin(block.id, block.name, args, at, chain.parent)
        if str(block.name).lower() in _DELEGATES and isinstance(args, dict):
            self._tasks[str(args.get("prompt"))] = block.id

    def _close(self, chain: _Chain) -> list[Event]:
        message, chain.message = chain.message, None
        if message is None or message.usage is None:
            return []
        return self._tell(_request(chain, message, message.usage), chain.at, chain.line)

    def _own_words(self, line: Line, message: Message) -> None:
        self._reading.leave_out(_OWN_WORDS)
        if line.is_api_error_message and not line.is_sidechain:
            self._ending = _Ending(is_failed=True, reason=_words(message)[:500] or None)

    def _end(self, *, goes_on: bool) -> Iterator[Event]:
        if self._turns.is_open:
            span = self._turns.last_at - self._turns.begun_at
            end = self._ending.as_end(span.total_seconds() * 1000, goes_on=goes_on)
            yield from self._turns.end(end)
        self._ending = _Ending()

    def _tell(self, record: Record, at: datetime, line: int) -> list[Event]:
        return self._turns.told(record, at, line, aside=self._aside)


def _keep(chain: _Chain, message: Message, line: Line, at: datetime, number_: int) -> None:
    """The last line of a message has its usage; it never shrinks."""
    before = chain.message
    if before and _output(message) < _output(before):
        message.usage = before.usage
    chain.message, chain.at, chain.line = message, at, number_
    chain.cost_usd = line.cost_usd


def _output(message: Message) -> int:
    return (count(message.usage.output_tokens) or 0) if message.usage else 0


def _words(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\n".join(block.text for block in message.blocks if block.type == "text" and block.text)


def _request(chain: _Chain, message: Message, usage: Usage) -> LlmUsage:
    kept = usage.cache_creation if isinstance(usage.cache_creation, dict) else {}
    record = llm_usage(
        chain.at,
        message_id=message.id,
        parent=chain.parent,
        model=message.model,
        uncached=count(usage.input_tokens),
        cache_read=count(usage.cache_read_input_tokens),
        cache_write=count(usage.cache_creation_input_tokens),
        cache_write_5m=count(kept.get("ephemeral_5m_input_tokens")),
        cache_write_1h=count(kept.get("ephemeral_1h_input_tokens")),
        completion=count(usage.output_tokens),
        reported_cost_usd=number(chain.cost_usd),
    )
    if usage.speed != "fast":
        return record
    why = "fast mode has no list price"
    return replace(record, cost_usd=None, price_row=None, price_version=None, cost_source=why)
