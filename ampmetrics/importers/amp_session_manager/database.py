"""amp-session-manager's database, in whatever version: its rows as the lines of its metrics files.

What Amp streamed, where that was kept, tells calls and tokens better than the tables made of it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ampmetrics.agents import Arrival
from ampmetrics.agents.reading import decode, text
from ampmetrics.events import Event, kind_of
from ampmetrics.importers.amp_session_manager.exported import Exported, tables_of_export
from ampmetrics.importers.amp_session_manager.iteration import Iteration
from ampmetrics.importers.amp_session_manager.runs import runs_of
from ampmetrics.importers.amp_session_manager.streamed import owners_of, streamed
from ampmetrics.importers.amp_session_manager.tables import ITERATION, METRIC, lines_of
from ampmetrics.importers.contract import Found, Reading
from ampmetrics.importers.database import Database, connected, tables_of
from ampmetrics.importers.turns import as_text
from ampmetrics.importers.values import time_of

__all__ = ["is_database", "sessions_of_database", "sessions_of_export"]

_SESSION = ("id", "ampPrompt", "followUpPrompts", "worktreePath", "createdAt", "threadId")
_MARKS = {"sessions": "worktreePath", "iterations": "sessionId", "metric_iterations": "session_id"}
"""A column of each table by which its database is known."""
_WORK = {"iterations": "sessionId", "metric_iterations": "session_id", "stream_events": "sessionId"}
"""Tables of what sessions did, and the column that names the session."""
_ASIDE = ("merge_history",)

Tables = Database | Exported


def is_database(path: Path) -> bool:
    """A database with one of its tables."""
    tables = tables_of(path)
    return any(column in tables.get(table, ()) for table, column in _MARKS.items())


def sessions_of_database(path: Path, reading: Reading) -> list[Found]:
    """One a session that did something, the first made first."""
    with connected(path, reading) as database:
        rows = _session_rows(database, reading) if database else []
        runs = list(runs_of(database, path, reading)) if database else []

    def events(row: dict[str, Any], reading: Reading) -> Iterator[Event]:
        with connected(path, reading) as database:
            if database is not None:
                yield from _events(path, database, row, reading)

    found = [_found(path, row, partial(events, row)) for row in rows]
    return found + [run.found() for run in runs]


def sessions_of_export(path: Path, reading: Reading) -> list[Found]:
    """The same of an export."""
    tables = tables_of_export(path, reading)
    rows = _session_rows(tables, reading)
    return [_found(path, row, partial(_events, path, tables, row)) for row in rows]


def _found(path: Path, row: dict[str, Any], events: Callable[[Reading], Iterator[Event]]) -> Found:
    id_, cwd = row["id"], text(row["worktreePath"])
    return Found(id=id_, files=(path,), cwd=cwd, events=events, family=id_)


def _session_rows(tables: Tables, reading: Reading) -> list[dict[str, Any]]:
    """Also of sessions that only their iterations name."""
    for table in _ASIDE:
        if aside := len(list(tables.rows(table, ("id",)))):
            reading.leave_out(f"rows of the table {table}", aside)
    rows = {str(row["id"]): row for row in tables.rows("sessions", _SESSION, ("createdAt",))}
    busy: dict[str, None] = {}
    for table, column in _WORK.items():
        busy.update(
            (str(row[column]), None) for row in tables.rows(table, (column,)) if row[column]
        )
    if idle := len(rows.keys() - busy.keys()):
        reading.leave_out("sessions without an iteration", idle)
    empty = dict.fromkeys(_SESSION)
    ordered = [*(id_ for id_ in rows if id_ in busy), *(id_ for id_ in busy if id_ not in rows)]
    return [{**empty, **rows.get(id_, {}), "id": id_} for id_ in ordered]


def _events(
    path: Path, tables: Tables, session: dict[str, Any], reading: Reading
) -> Iterator[Event]:
    id_, file = session["id"], as_text(path)
    own = {str(row["id"]): row for row in tables.rows("iterations", ITERATION, sessionId=id_)}
    found = tables.rows("metric_iterations", METRIC, session_id=id_)
    metric = {str(row["id"]): row for row in found}
    dated = _dated(own, metric, reading)
    owners = owners_of(tables)
    threads = [thread for thread, owner in owners.items() if owner == id_]
    thread = text(session["threadId"]) or (threads[-1] if threads else None)
    cwd = text(session["worktreePath"])
    arrivals = list(streamed(tables, id_, owners, path, reading))
    if not dated and arrivals:
        dated = [(arrivals[0].at, f"{id_}-1")]
    begins = [at for at, _ in dated]
    by_iteration: dict[int, list[Arrival]] = {}
    for each in arrivals:
        by_iteration.setdefault(max(1, bisect_right(begins, each.at)), []).append(each)
    prompts = _prompts(session)
    for number, (begin, key) in enumerate(dated, 1):
        prompt = prompts[number - 1] if number <= len(prompts) else None
        lines = lines_of(tables, key, begin, number, own.get(key, {}), metric.get(key, {}), prompt)
        within = by_iteration.get(number, [])
        if within:
            lines = [line for line in lines if line.kind not in ("tool_call", "llm_usage")]
        iteration = Iteration(id_, key, file, lines, has_numbers=False, cwd=cwd, thread=thread)
        yield from _woven(iteration, within, reading)


def _dated(
    own: dict[str, dict[str, Any]], metric: dict[str, dict[str, Any]], reading: Reading
) -> list[tuple[datetime, str]]:
    """When each iteration began, the first first."""
    begins = [
        (
            time_of(metric.get(key, {}).get("started_at"))
            or time_of(own.get(key, {}).get("startTime")),
            key,
        )
        for key in {**own, **metric}
    ]
    dated = sorted((at, key) for at, key in begins if at is not None)
    if lost := len(begins) - len(dated):
        reading.leave_out("iterations without a time", lost)
    return dated


def _prompts(session: dict[str, Any]) -> list[str | None]:
    """What each iteration was asked, as far as the session's own row tells it."""
    first = text(session["ampPrompt"])
    try:
        more = decode((text(session["followUpPrompts"]) or "[]").encode("utf-8", "replace"))
    except ValueError:
        more = []
    return [first, *(map(text, more) if isinstance(more, list) else ())]


def _woven(iteration: Iteration, within: list[Arrival], reading: Reading) -> Iterator[Event]:
    """Events of an iteration, and before its end those of the stream."""
    events = list(iteration.events(reading))
    ends = events.pop() if events and events[-1].type == "iteration_end" else None
    told = [
        Event(
            type=kind_of(arrival.record),
            session_id=iteration.session_id,
            iteration_id=iteration.id,
            timestamp=arrival.at,
            source_file=iteration.file,
            data=arrival.record,
        )
        for arrival in within
    ]
    first = ("iteration_start", "user_message")
    yield from (event for event in events if event.type in first)
    work = [event for event in events if event.type not in first]
    yield from sorted([*work, *told], key=lambda event: event.timestamp)
    if ends is not None:
        yield ends
