"""Gemini CLI: its chats, one JSON document (until 2025) or lines (since), also of sub-agents.

A message is written again when its tools are done, so the last one of an id counts. Its input has
the cache in it, its output leaves the thoughts out; of a shell command the exit code is in a text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar

from ampmetrics.agents import adapter
from ampmetrics.agents.files import opened
from ampmetrics.agents.reading import decode, listed, mapping, shallow, text
from ampmetrics.events import Event, IterationEnd, IterationStart
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.documents import elements, members
from ampmetrics.importers.gemini_message import answer
from ampmetrics.importers.heads import head_of
from ampmetrics.importers.saved import Saved
from ampmetrics.importers.turns import Turns
from ampmetrics.importers.values import milliseconds_between, said, time_of

__all__ = ["Gemini"]

_LONGEST_PATH = 1 << 12
_SESSION = re.compile(rb'"sessionId"\s*:\s*"([^"\\]{1,200})"')
_SUB_AGENT = re.compile(rb'"kind"\s*:\s*"subagent"')
_CONTEXT = "<session_context>"
_HELD = 64
"""messages that are held back, as one of the next lines may be one of them again"""

_Message = tuple[int, dict[str, Any]]


_SAVED = Saved(
    agent=adapter("gemini"),
    head=re.compile(rb'\{"type":"init","timestamp":"[^"]+","session_id":"([^"\\]{1,200})"'),
    begins=lambda value: value["type"] == "init",
    has_times=True,
)


class Gemini(Source):
    """The Gemini CLI's chats."""

    name: ClassVar[str] = "gemini"
    tool: ClassVar[str] = "Gemini CLI"
    endings: ClassVar[tuple[str, ...]] = (".json", ".jsonl")

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """The folder in which each project has its chats."""
        return [Path(env.get("GEMINI_CLI_HOME") or home) / ".gemini" / "tmp"]

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Its first object begins with a session and the hash of a project."""
        begin = head.lstrip()[:2000]
        is_object = begin.startswith(b"{") and b'"projectHash"' in begin
        return (is_object and _SESSION.search(begin) is not None) or _SAVED.is_saved(head)

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """One a session; a sub-agent's chat is of the session that its folder is named for."""
        mains: dict[str, list[Path]] = {}
        asides: dict[str, list[Path]] = {}
        files, saved = _SAVED.split(files)
        for path in files:
            head = head_of(path)
            session = _session(head)
            if session is None:
                reading.cannot_read(path, None, "names no session")
            elif _SUB_AGENT.search(head):
                asides.setdefault(path.parent.name, []).append(path)
            else:
                mains.setdefault(session, []).append(path)
        told = {**mains, **asides}
        for session in told:
            chat = _Chat(session, tuple(mains.get(session, ())), tuple(asides.get(session, ())))
            yield Found(
                id=session,
                files=(*chat.files, *filter(Path.exists, chat.roots)),
                told_by_files=True,
                cwd=chat.cwd,
                events=chat.events,
                family=session,
            )
        yield from _SAVED.found(saved, set(told), reading)


@dataclass(frozen=True, slots=True)
class _Chat:
    session: str
    mains: tuple[Path, ...]
    asides: tuple[Path, ...]

    @property
    def files(self) -> tuple[Path, ...]:
        return (*self.mains, *self.asides)

    @property
    def roots(self) -> list[Path]:
        """Where the project's folder may be told."""
        return [folder / ".project_root" for folder in self.files[0].parents[1:3]]

    @property
    def cwd(self) -> str | None:
        """The project's folder, which stands beside its chats since they are lines."""
        for root in self.roots:
            try:
                with opened(root) as file:
                    return file.read(_LONGEST_PATH).decode(errors="replace").strip() or None
            except OSError:
                continue
        return None

    def events(self, reading: Reading) -> Iterator[Event]:
        """The chat itself, then those of its sub-agents, each at its time."""
        telling = _Telling(Turns(self.session, self.files[0], agent="gemini"), self.cwd)
        for path in self.mains:
            telling.turns.stand_in(path)
            yield from telling.main(_once(_messages(path, reading), self.session, reading))
        yield from telling.end()
        for path in self.asides:
            telling.turns.stand_in(path)
            messages = _once(_messages(path, reading), self.session, reading)
            yield from telling.aside(messages, _session(head_of(path)))


class _Telling:
    def __init__(self, turns: Turns, cwd: str | None) -> None:
        self.turns = turns
        self._cwd = cwd
        self._calls: dict[str, str] = {}
        """a sub-agent's session → the call that started it"""
        self._end = IterationEnd()

    def main(self, messages: Iterable[_Message]) -> Iterator[Event]:
        """Messages of the session itself."""
        for line, value in messages:
            at = time_of(value.get("timestamp"))
            if at is None:
                continue
            match value.get("type"):
                case "user":
                    yield from self._user(value, at, line)
                case "gemini":
                    yield from self._answer(value, at, line)
                case "error":
                    reason = said(value.get("content"))[:500]
                    self._end = IterationEnd(status="failed", reason=reason)

    def _user(self, value: dict[str, Any], at: datetime, line: int) -> Iterator[Event]:
        prompt = said(value.get("content"))
        if prompt and not prompt.startswith(_CONTEXT):
            yield from self.end()
            yield from self.turns.begin(IterationStart(cwd=self._cwd), at, line, prompt)

    def _answer(self, value: dict[str, Any], at: datetime, line: int) -> Iterator[Event]:
        yield from self.turns.tell_all(answer(value, at, self._cwd), line)
        calls = listed(value.get("toolCalls"))
        for call in calls:
            if isinstance(call.get("agentId"), str) and isinstance(call.get("id"), str):
                self._calls[call["agentId"]] = call["id"]
        # An answer that asks for nothing more is the last one; it is empty before its calls come.
        is_last = not calls and said(value.get("content")) != ""
        spent = milliseconds_between(self.turns.begun_at, self.turns.last_at)
        self._end = IterationEnd(status="success", duration_ms=spent) if is_last else IterationEnd()

    def end(self) -> Iterator[Event]:
        """The iteration is over, if one is open."""
        yield from self.turns.end(self._end)
        self._end = IterationEnd()

    def aside(self, messages: Iterable[_Message], session: str | None) -> Iterator[Event]:
        """Messages of a sub-agent; what it was asked is an argument of the call."""
        parent = self._calls.get(session or "")
        for line, value in messages:
            at = time_of(value.get("timestamp"))
            if value.get("type") == "gemini" and at:
                arrivals = answer(value, at, self._cwd, parent)
                yield from self.turns.tell_all(arrivals, line, aside=True)


def _session(head: bytes) -> str | None:
    found = _SESSION.search(head)
    return found[1].decode(errors="replace") if found else None


def _once(messages: Iterable[_Message], session: str, reading: Reading) -> Iterator[_Message]:
    """A message that another file of the session told as well is left out."""
    for line, value in messages:
        key = text(value.get("id"))
        if key is None or reading.is_first("gemini", session, key):
            yield line, value
        else:
            reading.leave_out("messages told before")


def _messages(path: Path, reading: Reading) -> Iterator[_Message]:
    """Messages of a chat, each once, in the order in which they began."""
    held: dict[str, _Message] = {}
    for line, value in _told(path, reading):
        key = text(value.get("id"))
        if key is None or time_of(value.get("timestamp")) is None:
            reading.cannot_read(path, line, "a message without an id or a time")
            continue
        held[key] = line, value
        if len(held) > _HELD:
            yield held.pop(next(iter(held)))
    yield from held.values()


def _told(path: Path, reading: Reading) -> Iterator[_Message]:
    """Messages as they stand in the file."""
    if not _has_lines(path):
        yield from _of_document(path, reading)
        return
    for number, line in reading.lines(path):
        try:
            value = shallow(mapping(decode(line), "the line"))
        except ValueError as error:
            reading.cannot_read(path, number, str(error))
            continue
        if "type" in value:
            yield number, value


def _has_lines(path: Path) -> bool:
    """Its first line is an object by itself, and not one with all messages in it."""
    try:
        first = decode(head_of(path).partition(b"\n")[0])
    except ValueError:
        return False
    return isinstance(first, dict) and "messages" not in first


def _of_document(path: Path, reading: Reading) -> Iterator[_Message]:
    content = reading.whole(path)
    if content is None:
        return
    try:
        for line, element in elements(content, members(content).get("messages", b"[]")):
            yield line, shallow(mapping(decode(element), "a message"))
    except ValueError as error:
        reading.cannot_read(path, None, str(error))
