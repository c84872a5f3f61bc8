"""The SQL of the views: each reads the event files themselves, or what a cache holds of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from ampmetrics.events import KINDS
from ampmetrics.tables.columns import (
    ENVELOPE,
    IDS,
    ORIGIN,
    RECORDED,
    Column,
    columns_of,
    describe,
)
from ampmetrics.tables.lines import (
    Lines,
    cast,
    few,
    lines_of,
    listed,
    many_of,
    parts_of_few,
    path_of,
    quote,
    quoted,
    read_as,
)
from ampmetrics.tables.source import (
    BLANK_LINES,
    CACHED,
    EVENTS,
    LONG,
    LONGEST_LINE,
    PIECE,
    REST,
    SHORT,
    SHORT_LINE,
    SPAN,
    UNREADABLE_LINES,
    WITHIN,
    WRONG_VALUES,
)
from ampmetrics.tables.wrong import wrong_lines, wrong_values

__all__ = [
    "all_wrong_values",
    "create_views",
    "lines_of_kinds",
    "lines_with_wrong_values",
    "rows_of_kind",
    "suspects",
]

_KEYS = {
    "runs": ("run_id",),
    "trials": ("run_id", "case_id", "variant", "trial"),
    "iterations": ("session_id", "iteration_id", "iteration_number"),
}
"""Views of two kinds, a start and an end, and what joins them within their file."""

# DuckDB's rows of a bad line are all null; this drops them and what is no event.
_IS_EVENT = "type LIKE '\"%'"
_NO_EVENT = "json IS NULL OR json_type(json, '$.type') IS DISTINCT FROM 'VARCHAR'"
_FILE = (
    f"CASE WHEN starts_with(filename, '{WITHIN}') "
    rf"THEN regexp_replace(filename[{len(WITHIN) + 1}:], '^([^?]*)\|', '\1') ELSE filename END"
)

_FILE_OF_PIECE = (
    f"CASE WHEN starts_with(filename, '{PIECE}') "
    f"THEN decode(unhex(filename[{len(PIECE) + 1}:-{SPAN + 1}])) ELSE {_FILE} END"
)


_TOGETHER = {EVENTS: LONGEST_LINE}
_APART = {SHORT: SHORT_LINE, LONG: LONGEST_LINE}
"""Which files are read, and the longest line of them."""


def create_views(*, many: bool, large: bool, cached: bool) -> Iterator[str]:
    """Statements that create every view, with comments.

    `many`: how the files are read. `large`: files without a long line are read by themselves, with
    less memory; it takes time to plan, so not where they are small. `events` numbers its lines,
    which would be slower so.
    """
    yield f"CREATE VIEW unreadable_lines AS {_made(UNREADABLE_LINES, 'unreadable_lines')}"
    yield f"CREATE VIEW events AS {_events(many)}"
    yield f"CREATE VIEW wrong_values AS {_made(WRONG_VALUES, 'wrong_values')}"
    files = _APART if large and not many else _TOGETHER
    if cached:
        files = {REST: LONGEST_LINE}
    for table, kinds in RECORDED.items():
        yield f"CREATE VIEW {table} AS {_query(table, kinds, many, files)}"
    yield f"CREATE VIEW sessions AS {_SESSIONS}"
    for name, meaning, columns in describe():
        kind = "TABLE" if name == "event_files" else "VIEW"
        yield f"COMMENT ON {kind} {name} IS {quoted(meaning)}"
        for column in columns:
            yield f"COMMENT ON COLUMN {name}.{column.name} IS {quoted(column.meaning)}"


def suspects(files: list[str] | None = None) -> str:
    """Query for the files that hold a line that is no event; of `files`, which of their lines.

    Lines are counted from 1 and blank ones not, as DuckDB has no row for them.
    """
    if files is None:
        return (
            f"SELECT filename FROM {lines_of([EVENTS])} "
            f"GROUP BY filename HAVING bool_or({_NO_EVENT})"
        )
    return f"SELECT filename, k FROM ({_numbered(lines_of(files))}) WHERE {_NO_EVENT} ORDER BY ALL"


def _numbered(source: str) -> str:
    """The source with `k`: which line of its file a row is, blank ones not counted.

    These windows stream, and where `k` is not asked for they are not computed at all.
    """
    return (
        "SELECT *, n - max(first) OVER (ROWS UNBOUNDED PRECEDING) + 1 AS k FROM ("
        "SELECT *, CASE WHEN filename IS DISTINCT FROM before THEN n END AS first FROM ("
        "SELECT *, row_number() OVER () AS n, lag(filename) OVER () AS before "
        f"FROM {source}))"
    )


_LINE = (
    "coalesce((SELECT line FROM read_json("
    f"'{BLANK_LINES}', columns={{file: 'VARCHAR', k: 'BIGINT', line: 'BIGINT'}}, "
    "format='newline_delimited') b WHERE b.file = e.filename AND b.k = e.k), k)"
)


def _made(name: str, view: str) -> str:
    """Query for a list that is made when it is read."""
    (columns,) = [table.columns for table in describe() if table.name == view]
    declared = ", ".join(f"{c.name}: {quoted(c.sql_type)}" for c in columns)
    return f"SELECT * FROM read_json('{name}', columns={{{declared}}}, format='newline_delimited')"


def _events(many: bool) -> str:
    # As JSON a text can be told from what is none.
    lines = many_of([], kind="JSON") if many else few([], "JSON", kind="JSON")
    envelope = ", ".join(f"{cast(c, lines.parts[path_of(c)])} AS {c.name}" for c in ENVELOPE[1:])
    return (
        f"SELECT type->>'$' AS type, {envelope}, {lines.parts['$.data']} AS data, {_FILE} AS file, "
        f"{_LINE} AS line FROM ({_numbered(lines.source)}) e WHERE {_IS_EVENT}"
    )


def lines_with_wrong_values() -> str:
    """Query for the events that have a value of another type than its column."""
    return wrong_lines(f"SELECT * FROM ({_numbered(lines_of([EVENTS]))}) WHERE NOT ({_NO_EVENT})")


def all_wrong_values(lines: str, kinds: Iterable[str]) -> str:
    """Query for every wrong value of such lines, a table: file, line, field, value."""
    wrong = wrong_values(lines, [kind for kind in kinds if kind in KINDS])
    return f"SELECT {_FILE} AS file, {_LINE} AS line, field, value FROM ({wrong}) e"


def _query(table: str, kinds: list[str], many: bool, files: Mapping[str, int]) -> str:
    read = [_read(kinds, many, name, longest) for name, longest in files.items()]
    cached = REST in files
    if len(kinds) == 1:
        return _one_kind(kinds[0], read, cached)
    # Read once, and only what is asked for: so the fields are columns of their own.
    parts = read[0].parts
    flat = {path: quote(path.replace('"', "")) for path in parts if path != "$.data"}
    columns = ", ".join(f"{parts[path]} AS {name}" for path, name in flat.items())
    both = " UNION ALL ".join(
        f"SELECT type, filename, {columns} FROM {lines.source} WHERE {lines.wanted}"
        for lines in read
    )
    start, end = (
        f"({_one_kind(kind, [Lines('lines', flat, _has_type(kind))], cached)})" for kind in kinds
    )
    return (
        f"WITH lines AS MATERIALIZED ({both}) "
        f"{_joined(table, kinds)} FROM {start} s FULL JOIN {end} e ON "
        + " AND ".join(f"s.{key} IS NOT DISTINCT FROM e.{key}" for key in (*_KEYS[table], "file"))
    )


def _joined(table: str, kinds: list[str]) -> str:
    keys = _KEYS[table]
    of_start, of_end = (columns_of(KINDS[kind]) for kind in kinds)
    ids = [f"coalesce(s.{c.name}, e.{c.name}) AS {c.name}" for c in IDS]
    fields = [
        f"coalesce(s.{c.name}, e.{c.name}) AS {c.name}" if c.name in keys else f"s.{c.name}"
        for c in of_start
    ]
    fields += [f"e.{c.name}" for c in of_end if c.name not in {c.name for c in of_start}]
    fields += [f"coalesce(s.{c.name}, e.{c.name}) AS {c.name}" for c in ORIGIN]
    return (
        f"SELECT {', '.join(ids)}, s.timestamp AS started_at, e.timestamp AS ended_at, "
        f"{', '.join(fields)}, coalesce(s.file, e.file) AS file"
    )


def _read(kinds: list[str], many: bool, name: str, longest: int) -> Lines:
    fields = list({c.key: c for kind in kinds for c in columns_of(KINDS[kind])}.values())
    if many:
        return many_of(fields, " OR ".join(map(_is_of, kinds)), lines_of([name], longest))
    members = ", ".join(f"{quote(c.key)} {read_as(c)}" for c in fields)
    wanted = f"type IN ({listed(kinds)})"
    return few(fields, f"STRUCT({members})", [name], longest=longest)._replace(wanted=wanted)


def _one_kind(kind: str, read: list[Lines], cached: bool) -> str:
    rest = " UNION ALL ".join(_selected(kind, lines) for lines in read)
    if not cached:
        return rest
    names = ", ".join(c.name for c, _ in _columns_of_kind(kind))
    return f"SELECT {names}, file FROM read_parquet('{CACHED}{kind}') UNION ALL {rest}"


def lines_of_kinds(files: list[str], longest: int, *, many: bool) -> str:
    """Query for the lines of all kinds in files, of which `rows_of_kind` makes rows.

    It fails where a line is much longer than `longest`; with less it is faster.
    """
    kinds = listed(KINDS)
    if many:
        read = lines_of(files, longest)
        lines = f"SELECT json, filename, json->>'$.type' AS type FROM {read}"
    else:
        lines = f"SELECT * FROM {few([], 'JSON', files, longest=longest).source}"
    return f"FROM ({lines}) WHERE type IN ({kinds})"


def rows_of_kind(kind: str, lines: str, *, many: bool) -> str:
    """Query for the rows of a kind in `lines_of_kinds`, as the view of the kind has them."""
    own = columns_of(KINDS[kind])
    if many:
        return _selected(kind, many_of(own, _has_type(kind), lines))
    # The same as reading them so.
    shape = json.dumps({c.key: read_as(c) for c in own})
    source = f"(SELECT * REPLACE (json_transform(data, {quoted(shape)}) AS data) FROM {lines})"
    return _selected(kind, Lines(source, parts_of_few(own), _has_type(kind)))


def _selected(kind: str, lines: Lines) -> str:
    columns = _columns_of_kind(kind)
    selected = ", ".join(f"{cast(c, lines.parts[path])} AS {c.name}" for c, path in columns)
    return f"SELECT {selected}, {_FILE_OF_PIECE} AS file FROM {lines.source} WHERE {lines.wanted}"


def _columns_of_kind(kind: str) -> list[tuple[Column, str]]:
    time = next(c for c in ENVELOPE if c.name == "timestamp")
    own = [(c, path_of(c, "data")) for c in columns_of(KINDS[kind])]
    return [*[(c, path_of(c)) for c in [*IDS, time]], *own, *[(c, path_of(c)) for c in ORIGIN]]


def _has_type(kind: str) -> str:
    # A text only: what is none is spelled otherwise than any kind.
    return f"type = {quoted(kind)}"


def _is_of(kind: str) -> str:
    """True of a line of this kind. How most begin spares taking them apart."""
    start, end = '{"type":"', '"'
    # An escape may spell the same kind otherwise.
    return (
        f"CASE WHEN starts_with(json::VARCHAR, {quoted(start + kind + end)}) THEN true "
        f"WHEN starts_with(json::VARCHAR, {quoted(start)}) AND NOT "
        f"contains(substr(json::VARCHAR, {len(start) + 1}, {len(kind) + 1}), '\\') THEN false "
        f"ELSE (json->'$.type') = {quoted(quote(kind))} END"
    )


def _first(name: str) -> str:
    return f"arg_min({{'v': {name}}}, place).v AS {name}"


def _last(name: str) -> str:
    # Of the column, not of its known values: an iteration without an end has no status.
    return f"arg_max({{'v': {name}}}, place).v AS {name}"


_PLACE = "row(iteration_number, started_at, iteration_id)"
_SESSIONS = (
    f"SELECT session_id, {_first('run_id')}, {_first('case_id')}, {_first('variant')}, "
    f"{_first('trial')}, {_last('agent')}, {_last('agent_version')}, {_last('model')}, "
    "arg_max(agent_session_id, place) AS agent_session_id, "
    "min(started_at) AS started_at, max(ended_at) AS ended_at, count(*) AS iterations, "
    f"{_last('status')}, file FROM (SELECT *, {_PLACE} AS place FROM iterations) "
    "GROUP BY session_id, file"
)
