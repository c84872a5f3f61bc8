"""A session as it is read from files: its prompts as iterations, its records as events."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

from msgspec.structs import replace

from ampmetrics.agents import Arrival
from ampmetrics.events import Event, IterationEnd, IterationStart, Record, UserMessage, kind_of

__all__ = ["Turns", "as_text"]


def as_text(path: Path) -> str:
    """A path as a text that can be written, whatever its bytes are."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


class Turns:
    """Makes the events of one session; an iteration is a prompt and all until the next one.

    Ids are made of the session's id and the prompt's number, so they are the same each time.
    """

    def __init__(self, session_id: str, path: Path, *, agent: str | None) -> None:
        self._session_id = session_id
        self._agent = agent
        self._file = as_text(path)
        self._number = 0
        self._ids: list[str] = []
        """of its iterations"""
        self._begins: list[datetime] = []
        self._last = (datetime.min, 0)
        self._line = 0
        """of the present file that was told last"""
        self.is_open = False
        """a prompt was given, and its end not told yet"""
        self.lines = 0
        """read since the iteration began"""
        self.unreadable_lines = 0
        """of them"""

    def stand_in(self, path: Path) -> None:
        """From now on events come from this file."""
        self._file, self._line = as_text(path), 0

    def begin(
        self, start: IterationStart, at: datetime, line: int | None, prompt: str | None
    ) -> Iterator[Event]:
        """A prompt, null where it is not told; ends the iteration before, if that has no end.

        Of `start` the number and the agent are filled in.
        """
        yield from self.end(IterationEnd())
        self._number += 1
        self._ids.append(f"{self._session_id}-{self._number}")
        self.is_open, self.lines, self.unreadable_lines = True, 0, 0
        self._begins.append(at)
        self._line = line or self._line
        self._last = at, self._line
        number = {"iteration_number": self._number, "agent": self._agent}
        yield self._event(replace(start, **number), at, line, self._number)
        if prompt is not None:
            yield self._event(UserMessage(message=prompt), at, line, self._number)

    def tell(
        self, record: Record, at: datetime, line: int | None, *, aside: bool = False
    ) -> Iterator[Event]:
        """A record of the present iteration; before any prompt, of one without.

        `aside`: it is from another file of the session, and of the iteration of its time.
        """
        yield from self.told(record, at, line, aside=aside)

    def told(
        self, record: Record, at: datetime, line: int | None, *, aside: bool = False
    ) -> list[Event]:
        """The same as a list: there are millions of them."""
        # What is told only because the file ends is of its last line.
        self._line = line = line or self._line
        first = list(self.begin(IterationStart(), at, line, None)) if not self._number else []
        if aside:
            number = max(1, bisect_right(self._begins, at))
        else:
            number = self._number
            last = self._last[0]
            self._last = at if at > last else last, line
        return [*first, self._event(record, at, line, number)]

    def tell_all(
        self, arrivals: Iterable[Arrival], line: int | None, *, aside: bool = False
    ) -> Iterator[Event]:
        """The records that one line completed."""
        for arrival in arrivals:
            yield from self.tell(arrival.record, arrival.at, line, aside=aside)

    def end(
        self, end: IterationEnd, at: datetime | None = None, line: int | None = None
    ) -> Iterator[Event]:
        """How the iteration ended, if one is open; where the time is null, with its last record.

        Of `end` the number, the session and the counts of lines are filled in, and that edits are
        not all known: those that no edit tool made are not.
        """
        if not self.is_open:
            return
        self.is_open = False
        filled = replace(
            end,
            iteration_number=self._number,
            agent_session_id=end.agent_session_id or self._session_id,
            edits_tracked=False,
            stream_lines=self.lines or None,
            unreadable_stream_lines=self.unreadable_lines if self.lines else None,
        )
        yield self._event(filled, at or self._last[0], line or self._last[1], self._number)

    @property
    def begun_at(self) -> datetime:
        """When the present iteration began; raises IndexError before the first."""
        return self._begins[-1]

    @property
    def last_at(self) -> datetime:
        """When the last record of the present iteration was."""
        return self._last[0]

    def _event(self, record: Record, at: datetime, line: int | None, number: int) -> Event:
        return Event(
            type=kind_of(record),
            session_id=self._session_id,
            iteration_id=self._ids[number - 1],
            timestamp=at,
            source_file=self._file,
            source_line=line or None,
            data=record,
        )
