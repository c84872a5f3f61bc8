"""The SQL that reads lines, in one of two ways, and makes values of their fields.

Few files are read into a STRUCT of the fields of one kind: the fastest per byte. That costs time
per file and field, so many files are read as one JSON value a line and taken apart.
In both the same casts make the value of what was read; only a very large or small number that
stands where a text must (`wrong_values` lists it) can be spelled otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from ampmetrics.tables.columns import ENVELOPE, Column
from ampmetrics.tables.source import EVENTS, LONGEST_LINE
from ampmetrics.tables.wrong import TIME

__all__ = [
    "Lines",
    "cast",
    "few",
    "lines_of",
    "listed",
    "many_of",
    "parts_of_few",
    "path_of",
    "quote",
    "quoted",
    "read_as",
]


def _options(longest: int) -> str:
    return (
        "format='newline_delimited', ignore_errors=true, filename=true, allow_empty=true, "
        f"maximum_object_size={longest}"
    )


class Lines(NamedTuple):
    """What a view reads: `type`, `filename`, and each field by its path in the line.

    A field is read as text where its column holds text or a time, else as JSON.
    """

    source: str
    parts: dict[str, str]
    wanted: str = "true"
    """Which of the lines."""


def few(
    fields: list[Column],
    data: str,
    files: Sequence[str] = (EVENTS,),
    *,
    kind: str = "VARCHAR",
    longest: int = LONGEST_LINE,
) -> Lines:
    """Lines whose `data` and `type` are read into these SQL types.

    The query fails where a line is much longer than `longest`; with less it is faster.
    """
    # Explicit types: inferred ones change with the file.
    columns = {c.key: read_as(c) for c in ENVELOPE} | {"type": kind, "data": data}
    declared = ", ".join(f"{quoted(key)}: {quoted(kind)}" for key, kind in columns.items())
    options = f"columns={{{declared}}}, records='true', {_options(longest)}"
    source = f"read_json([{listed(files)}], {options})"
    return Lines(source, parts_of_few(fields))


def parts_of_few(fields: list[Column]) -> dict[str, str]:
    """Where the fields of such lines are, by their paths."""
    parts = {path_of(c): quote(c.key) for c in ENVELOPE} | {"$.data": "data"}
    return parts | {path_of(c, "data"): f"data.{quote(c.key)}" for c in fields}


def many_of(
    fields: list[Column], wanted: str = "true", lines: str = "", kind: str = "VARCHAR"
) -> Lines:
    """Wanted lines, taken apart at most twice; what is nested is taken where it is asked for.

    `kind`: as in `few`.
    """
    columns = {path_of(c): c for c in ENVELOPE[1:]} | {path_of(c, "data"): c for c in fields}
    texts = ["$.type", *(path for path, c in columns.items() if read_as(c) == "VARCHAR")]
    values = [path for path, c in columns.items() if c.sql_type in _CASTS and path not in texts]
    nested = ["$.data", *(path for path, c in columns.items() if c.sql_type == "JSON")]
    type_ = "texts[1]" if kind == "VARCHAR" else "json->'$.type'"
    source = (
        f"(SELECT json_extract_string(json, [{listed(texts)}]) AS texts, {type_} AS type, "
        f"json_extract(json, [{listed(values)}]) AS vals, json, filename "
        f"FROM {lines or lines_of([EVENTS])} WHERE {wanted})"
    )
    parts = {path: f"texts[{place}]" for place, path in enumerate(texts, 1)}
    parts |= {path: f"vals[{place}]" for place, path in enumerate(values, 1)}
    # JSON's null is none.
    whole = "CASE WHEN json_type(json, {0}) <> 'NULL' THEN json->{0} END"
    return Lines(source, parts | {path: whole.format(quoted(path)) for path in nested})


def lines_of(files: list[str], longest: int = LONGEST_LINE) -> str:
    """The lines of files: json, null where it is none, and filename; `longest` as in `few`."""
    return f"read_ndjson_objects([{listed(files)}], {_options(longest)})"


def read_as(column: Column) -> str:
    """What a field is read as."""
    # Text that stands where a number must is none: only as JSON it can be told from one.
    return "VARCHAR" if column.sql_type in ("VARCHAR", "TIMESTAMPTZ") else "JSON"


def path_of(column: Column, within: str = "") -> str:
    """A field's path in the line."""
    return f"$.{within}.{quote(column.key)}" if within else f"$.{quote(column.key)}"


def listed(texts: Iterable[str]) -> str:
    """SQL literals with commas."""
    return ", ".join(map(quoted, texts))


def quoted(text: str) -> str:
    """An SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def quote(name: str) -> str:
    """An SQL name; also a JSON text, of a name that needs no escapes."""
    return f'"{name}"'


def cast(column: Column, text: str) -> str:
    """The value that was read; null where it is none."""
    return _CASTS.get(column.sql_type, "{0}").format(text)


_CASTS = {
    # Without the first comparison 5.7 would be 6.
    "BIGINT": "CASE WHEN TRY_CAST({0}::VARCHAR AS DOUBLE) = TRY_CAST({0}::VARCHAR AS BIGINT) "
    "THEN TRY_CAST({0}::VARCHAR AS BIGINT) END",
    "DOUBLE": "CASE WHEN isfinite(TRY_CAST({0}::VARCHAR AS DOUBLE)) "
    "THEN TRY_CAST({0}::VARCHAR AS DOUBLE) END",
    "BOOLEAN": "CASE {0}::VARCHAR WHEN 'true' THEN true WHEN 'false' THEN false END",
    "TIMESTAMPTZ": TIME,
}
