"""A session that was imported, as its event file tells it: what is needed to go on with it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ampmetrics.errors import BadInputError
from ampmetrics.events import Event, IterationEnd, IterationStart
from ampmetrics.jsonl import read_events

__all__ = ["ImportedSession", "find_imported", "read_imported"]

_KINDS = ("iteration_start", "iteration_end")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedSession:
    """One imported session; null is what its file does not tell."""

    file: Path
    """its event file, to which its further iterations are appended"""
    id: str
    agent: str | None
    agent_session_id: str | None
    """the agent's own conversation"""
    cwd: str | None
    """folder in which the agent was begun; it may have gone into others"""
    iterations: int
    """number of the last"""
    last_at: datetime
    """when the last of those that were imported began or ended"""
    sources: tuple[str, ...]
    """files that it was imported from"""


def read_imported(file: Path, id_: str | None = None) -> ImportedSession:
    """The imported session in an event file, that of this id where one is given.

    Raises BadInputError where there is none, or several.
    """
    by_session: dict[str, list[Event]] = {}
    try:
        for event in read_events(file, _KINDS):
            if event and event.session_id:
                by_session.setdefault(event.session_id, []).append(event)
    except OSError as error:
        raise BadInputError(f"{file}: cannot be read: {error.strerror}") from error
    found = {each: events for each, events in by_session.items() if any(map(_source, events))}
    wanted = set(found) if id_ is None else {id_} & set(found)
    if len(wanted) != 1:
        named = "session" if id_ is None else f"session {id_!r}"
        raise BadInputError(
            f"{file}: {'several imported sessions' if wanted else f'no imported {named}'} in it: "
            "name the file that `ampmetrics import` made of the session"
        )
    (id_,) = wanted
    return _imported(file.resolve(), id_, found[id_])


def find_imported(file: Path, id_: str) -> ImportedSession | None:
    """The same; null where the file is not there, or holds no such session."""
    try:
        return read_imported(file, id_) if file.is_file() else None
    except BadInputError:
        return None


def _source(event: Event) -> str | None:
    return event.source_file if isinstance(event.source_file, str) else None


def _imported(file: Path, id_: str, events: list[Event]) -> ImportedSession:
    agent = agent_session_id = cwd = None
    numbers = [0]
    for event in events:
        match event.data:
            case IterationStart() as start:
                agent, cwd = start.agent or agent, cwd or start.cwd
                numbers.append(start.iteration_number or 0)
            case IterationEnd() as end:
                agent_session_id = end.agent_session_id or agent_session_id
    imported = [event for event in events if _source(event)]
    return ImportedSession(
        file=file,
        id=id_,
        agent=agent,
        agent_session_id=agent_session_id,
        cwd=cwd,
        iterations=max(numbers),
        last_at=max(event.timestamp for event in imported),
        sources=tuple(dict.fromkeys(filter(None, map(_source, imported)))),
    )
