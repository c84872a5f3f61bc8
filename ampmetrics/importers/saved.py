"""The output of an agent CLI that somebody saved: its own reader, used on a file.

What the output does not tell is null. Where its lines have no times, each event has that of the
file's last change, when its last line was seen, and how long a call took is not known.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ampmetrics.agents import Adapter, Arrival, Request, Stream
from ampmetrics.agents.reading import event, moment, number, shallow, text
from ampmetrics.events import Event, IterationEnd, IterationStart, ToolCall, UserMessage
from ampmetrics.importers.contract import Found, Reading
from ampmetrics.importers.heads import first, head_of
from ampmetrics.importers.turns import Turns
from ampmetrics.importers.values import milliseconds_between, modified, time_of

__all__ = ["Saved"]

_TOLD = "saved outputs of sessions that their own files tell"


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """The output of one agent."""

    agent: Adapter
    head: re.Pattern[bytes]
    """how it begins; its group is the session's id"""
    begins: Callable[[dict[str, Any]], bool]
    """this line is where a run of the agent may begin"""
    has_times: bool

    def is_saved(self, head: bytes) -> bool:
        """A file with this beginning is one."""
        return self.head.match(head) is not None

    def split(self, files: Sequence[Path]) -> tuple[list[Path], list[Path]]:
        """Files of the agent's own, and saved outputs."""
        saved = [path for path in files if self.is_saved(head_of(path))]
        return [path for path in files if path not in set(saved)], saved

    def found(self, files: Sequence[Path], told: set[str], reading: Reading) -> Iterator[Found]:
        """Their sessions, but those that are told already; several files of one in their order."""
        sessions: dict[str, list[Path]] = {}
        for path in files:
            id_ = first(self.head, head_of(path))
            if id_ in told:
                reading.leave_out(_TOLD)
            else:
                sessions.setdefault(id_, []).append(path)
        for id_, paths in sessions.items():
            ordered = sorted(paths, key=lambda path: (modified(path), str(path)))
            yield Found(
                id=id_,
                files=tuple(ordered),
                told_by_files=True,
                cwd=None,
                events=partial(self._events, id_, ordered),
                family=id_,
            )

    def _events(self, id_: str, paths: Sequence[Path], reading: Reading) -> Iterator[Event]:
        turns = Turns(id_, paths[0], agent=self.agent.name)
        for path in paths:
            turns.stand_in(path)
            yield from _Run(self, path, turns, reading).events()


class _Run:
    """Reads one file: the runs of the agent, an iteration each."""

    def __init__(self, saved: Saved, path: Path, turns: Turns, reading: Reading) -> None:
        self._saved, self._path, self._turns, self._reading = saved, path, turns, reading
        self._at = modified(path)
        self._stream: Stream | None = None
        self._duration_ms: float | None = None

    def events(self) -> Iterator[Event]:
        """All that the file tells."""
        number_ = 0
        for number_, line in self._reading.lines(self._path):
            try:
                yield from self._line(line, number_)
            except ValueError as error:
                self._turns.unreadable_lines += 1
                self._reading.cannot_read(self._path, number_, str(error))
            self._turns.lines += 1
        yield from self._end(number_)

    def _line(self, line: bytes, number_: int) -> Iterator[Event]:
        value = shallow(event(line))
        if self._saved.has_times:
            when = value.get("timestamp")
            self._at = time_of(when) or moment(when) or self._at
        if self._saved.begins(value) and (self._stream is None or self._stream.finished):
            yield from self._end(number_ - 1)
        if self._stream is None:
            yield from self._begin(value, number_)
        if value["type"] == "message" and value.get("role") == "user":
            message = UserMessage(message=text(value.get("content")))
            yield from self._turns.tell(message, self._at, number_)
        self._duration_ms = number(value.get("duration_ms")) or self._duration_ms
        if self._stream is not None:
            yield from self._tell(self._stream.read(line, self._at), number_)

    def _begin(self, value: dict[str, Any], number_: int) -> Iterator[Event]:
        # Nothing is looked up beside the file, which may be of another machine.
        request = Request(prompt="", evidence=self._path.parent, env={"CODEX_HOME": os.devnull})
        self._stream, self._duration_ms = self._saved.agent.stream(request), None
        start = IterationStart(cwd=text(value.get("cwd")), model=text(value.get("model")))
        yield from self._turns.begin(start, self._at, number_, None)

    def _tell(self, arrivals: Iterable[Arrival], number_: int) -> Iterator[Event]:
        for arrival in arrivals:
            record = arrival.record
            if isinstance(record, ToolCall) and not self._saved.has_times:
                record = replace(record, started_at=None, ended_at=None, duration_ms=None)
            yield from self._turns.tell(record, arrival.at, number_)

    def _end(self, number_: int) -> Iterator[Event]:
        stream, self._stream = self._stream, None
        if stream is None:
            return
        yield from self._tell(stream.close(self._at, None), number_)
        status = "failed" if stream.error else "success" if stream.finished else None
        derived = milliseconds_between(self._turns.begun_at, self._turns.last_at)
        yield from self._turns.end(
            IterationEnd(
                status=status,
                reason=stream.error and stream.error[:500],
                duration_ms=self._duration_ms or (derived if self._saved.has_times else None),
                not_visible=list(self._saved.agent.tells.not_visible),
            )
        )
