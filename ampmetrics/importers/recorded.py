"""What `ampmetrics iterate` added to an imported session: it stays, and is not imported again."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import msgspec
from msgspec.structs import replace

from ampmetrics.events import Event, IterationEnd, IterationStart
from ampmetrics.importers.contract import Reading
from ampmetrics.importers.heads import tail_of

__all__ = ["Recorded", "alone_with", "recorded_in"]

_AGAIN = "iterations that `ampmetrics iterate` has recorded itself"


@dataclass(slots=True, kw_only=True)
class Recorded:
    """The lines at the end of an imported event file that no import wrote.

    An iteration there is known in the agent's own files by its time: its prompt was written after
    the agent was started, and before it had ended, by a clock of the same machine.
    """

    begin: int | None = None
    """byte at which they begin; null: there are none"""
    spans: dict[str, tuple[datetime, datetime]] = field(default_factory=dict)
    """iteration → its first event and its last"""

    def holds(self, at: datetime) -> bool:
        """A prompt of this time is one of theirs."""
        return any(first <= at <= last for first, last in self.spans.values())

    def without(self, events: Iterator[Event], reading: Reading) -> Iterator[Event]:
        """Events of an import without these iterations; the others are numbered in between."""
        again: set[str | None] = set()
        shifts: dict[str | None, int] = {}
        for event in events:
            id_, is_start = event.iteration_id, event.type == "iteration_start"
            if is_start and self.holds(event.timestamp):
                again.add(id_)
                reading.leave_out(_AGAIN)
            elif is_start:
                shifts[id_] = self._before(event.timestamp) - len(again)
            if id_ not in again:
                yield _shifted(event, shifts.get(id_, 0))

    def _before(self, at: datetime) -> int:
        return sum(first < at for first, _ in self.spans.values())


def _shifted(event: Event, by: int) -> Event:
    """An agent that ended before it wrote its prompt down has no iteration in its own files."""
    data = event.data
    if not by or not isinstance(data, IterationStart | IterationEnd) or not data.iteration_number:
        return event
    return replace(event, data=replace(data, iteration_number=data.iteration_number + by))


@contextmanager
def alone_with(path: Path) -> Iterator[bool]:
    """Keep `ampmetrics iterate` from adding to an event file; false: it is at it."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError):
        yield True
        return
    try:
        yield _take(file)
    finally:
        os.close(file)


def _take(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Another error: a file system that has no locks, where nobody can be kept out.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


class _Head(msgspec.Struct, rename="camel"):
    """What is needed of a line."""

    session_id: str | None
    timestamp: datetime
    iteration_id: str | None = None
    source_file: str | None = None


_DECODER = msgspec.json.Decoder(_Head)


def recorded_in(path: Path, session_id: str) -> Recorded:
    """What is there of this session that was not imported; raises OSError."""
    found = Recorded()
    if not path.exists() or _is_imported(tail_of(path)):
        return found
    at = 0
    with path.open("rb") as lines:
        for line in lines:
            head = _read(line)
            if head and head.source_file is None and found.begin is None:
                found.begin = at
            at += len(line)
            if head and head.source_file is None and head.session_id == session_id:
                _add(found, head)
    return found


def _is_imported(tail: bytes) -> bool:
    """The last line is: then so are those before it."""
    head = _read(tail.rstrip(b"\n").rpartition(b"\n")[2])
    return head is not None and head.source_file is not None


def _read(line: bytes) -> _Head | None:
    try:
        return _DECODER.decode(line)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None


def _add(found: Recorded, head: _Head) -> None:
    if head.iteration_id is not None:
        first, last = found.spans.get(head.iteration_id, (head.timestamp, head.timestamp))
        span = min(first, head.timestamp), max(last, head.timestamp)
        found.spans[head.iteration_id] = span
