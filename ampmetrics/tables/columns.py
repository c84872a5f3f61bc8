"""What the tables hold, made from the declaration in `events`: names, types and meanings."""

from __future__ import annotations

import typing
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from ampmetrics.events import KINDS, Event

__all__ = [
    "ENVELOPE",
    "IDS",
    "ORIGIN",
    "RECORDED",
    "VIEWS",
    "Column",
    "Table",
    "columns_of",
    "describe",
]

_SQL_TYPES: dict[Any, str] = {
    str: "VARCHAR",
    int: "BIGINT",
    float: "DOUBLE",
    bool: "BOOLEAN",
    datetime: "TIMESTAMPTZ",
    Any: "JSON",
}


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, the JSON key it is read from, its SQL type and its meaning."""

    name: str
    key: str
    sql_type: str
    meaning: str


class Table(typing.NamedTuple):
    """One table or view of a connection: its name, what one row is, and its columns."""

    name: str
    meaning: str
    columns: list[Column]


@cache
def columns_of(struct: type[msgspec.Struct]) -> list[Column]:
    """Columns that a record or the envelope declares, in order."""
    hints = typing.get_type_hints(struct, include_extras=True)
    return [
        Column(f.name, f.encode_name, _sql_type(hints[f.name]), _meaning(hints[f.name]))
        for f in msgspec.structs.fields(struct)
        if f.name != "data"
    ]


def _sql_type(hint: Any) -> str:
    bare = typing.get_args(hint)[0]
    options = [option for option in typing.get_args(bare) if option is not type(None)]
    return _SQL_TYPES[options[0] if options else bare]


def _meaning(hint: Any) -> str:
    return str(typing.get_args(hint)[1].description)


ENVELOPE = columns_of(Event)
ORIGIN = [column for column in ENVELOPE if column.name in ("source_file", "source_line")]
"""Where an imported event is from."""
IDS = [c for c in ENVELOPE if c.name not in ("type", "timestamp") and c not in ORIGIN]
RECORDED = {
    table: [kind for kind, record in KINDS.items() if record.table == table]
    for table in dict.fromkeys(record.table for record in KINDS.values())
}
"""View → the kinds of event that it shows: one, or a start and an end."""
VIEWS = ("events", *RECORDED, "sessions")
"""Views of events; `unreadable_lines`, `wrong_values` and `event_files` tell of the files."""

_MEANINGS = {
    "events": "One row an event, of whatever kind",
    "runs": "One row a benchmark run of a file, its start and its end joined",
    "trials": "One row a trial of a file, its start and its end joined",
    "iterations": "One row an iteration of a file, its start and its end joined",
    "user_messages": "One row a prompt",
    "tool_calls": "One row a tool call with its result",
    "llm_usage": "One row a model request, or a sum over several (see scope)",
    "file_edits": "One row a file that changed between two looks at the workspace",
    "git_operations": "One row a thing the agent did with git",
    "net_changes": "One row a file that in the end differs from what its session began with",
    "test_results": "One row a run of the success command",
    "sessions": "One row a session of a file",
}
_FILE = Column("file", "", "VARCHAR", "Event file that it was read from")
_LINE = Column("line", "", "BIGINT", "Line of the file, from 1; read only where it is asked for")
_TIMES = [
    Column(
        "started_at", "", "TIMESTAMPTZ", "When its start was observed, UTC; null: none is there"
    ),
    Column("ended_at", "", "TIMESTAMPTZ", "When its end was observed, UTC; null: it never ended"),
]
_OF_SESSIONS = [
    Column("agent", "", "VARCHAR", "Agent adapter of the last iteration"),
    Column("agent_version", "", "VARCHAR", "Version its program reported"),
    Column("model", "", "VARCHAR", "Model or mode asked for last; what answered is in llm_usage"),
    Column(
        "agent_session_id", "", "VARCHAR", "The agent's own id of the conversation, as last told"
    ),
    Column("started_at", "", "TIMESTAMPTZ", "When its first iteration began, UTC"),
    Column("ended_at", "", "TIMESTAMPTZ", "When the last iteration with an end ended, UTC"),
    Column("iterations", "", "BIGINT", "Number of its iterations in this file"),
    Column(
        "status",
        "",
        "VARCHAR",
        "Of the last iteration: success, failed, timeout or cancelled; null: it has no end, or "
        "that is not told",
    ),
]
_OF_FILES = [
    Table("event_files", "One row a file that was connected", [_FILE]),
    Table(
        "unreadable_lines",
        "One row a line that is no event, so in no other table; or a file that cannot be read",
        [
            Column("file", "", "VARCHAR", "File that it stands in"),
            Column("line", "", "BIGINT", "Line of the file, from 1; null: the file as a whole"),
            Column("reason", "", "VARCHAR", "Why it cannot be read"),
            Column("text", "", "VARCHAR", "Its beginning; null: the file as a whole"),
        ],
    ),
    Table(
        "wrong_values",
        "One row a value of an event that is of another type than its column",
        [
            _FILE,
            Column("line", "", "BIGINT", "Line of the file, from 1"),
            Column("field", "", "VARCHAR", "Kind and JSON key, or the key of the envelope"),
            Column("value", "", "VARCHAR", "The value as JSON; null: it must be there and is not"),
        ],
    ),
]


def describe() -> list[Table]:
    """Every table of a connection with its columns, in the order in which they read best."""
    return [*[Table(name, _MEANINGS[name], _columns(name)) for name in VIEWS], *_OF_FILES]


def _columns(view: str) -> list[Column]:
    if view == "events":
        data = Column("data", "data", "JSON", "The event's own record, as JSON")
        return [*ENVELOPE, data, _FILE, _LINE]
    if view == "sessions":
        return [*[c for c in IDS if c.name != "iteration_id"], *_OF_SESSIONS, _FILE]
    kinds = RECORDED[view]
    recorded = [column for kind in kinds for column in columns_of(KINDS[kind])]
    times = [c for c in ENVELOPE if c.name == "timestamp"] if len(kinds) == 1 else _TIMES
    return list({c.name: c for c in [*IDS, *times, *recorded, *ORIGIN, _FILE]}.values())
