"""What could not be read: lines that are no event, with the reason, and values of a wrong type."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

import duckdb
import msgspec

from ampmetrics.tables.source import Source, name_of, name_within
from ampmetrics.tables.spill import spill_elsewhere
from ampmetrics.tables.views import all_wrong_values, lines_with_wrong_values, suspects

__all__ = [
    "BlankLine",
    "UnreadableLine",
    "lines_behind_blanks",
    "unreadable_lines",
    "wrong_values",
]

_SHOWN = 200
_AT_ONCE = 2000
_BLANK = b" \t\r\n\v\f"
"""Lines of nothing but these have no row in DuckDB."""


class UnreadableLine(NamedTuple):
    """One line that is no event; `line` counts from 1, `text` is its beginning."""

    file: str
    line: int | None
    reason: str
    text: str | None


def unreadable_lines(source: Source) -> Iterator[dict[str, object]]:
    """One item a line that no view can show or a file that cannot be read, file by file."""
    broken = [(file, look.reason) for file, look in source.looks.all() if look.reason]
    for file, reason in broken:
        yield UnreadableLine(file, None, reason or "", None)._asdict()
    with closing(_reader(source)) as con:
        names = [name for (name,) in con.execute(suspects()).fetchall()]
        found = con.execute(suspects(names)).fetchall() if names else []
    for name, lines in groupby(found, itemgetter(0)):
        try:
            yield from _of_file(source, name, {k for _, k in lines})
        except OSError as error:
            # It went away since its lines were counted.
            reason = error.strerror or str(error)
            yield UnreadableLine(name_of(name), None, reason, None)._asdict()


def wrong_values(source: Source) -> Iterator[dict[str, object]]:
    """One item a value of an event that is of another type than its column."""
    with closing(_reader(source)) as con:
        con.execute(f"CREATE TEMP TABLE wrong AS {lines_with_wrong_values()}")
        kinds = [kind for (kind,) in con.execute("SELECT DISTINCT type FROM wrong").fetchall()]
        if not kinds:
            return
        found = con.execute(all_wrong_values("wrong", kinds))
        names = [column[0] for column in found.description or []]
        while rows := found.fetchmany(_AT_ONCE):
            yield from (dict(zip(names, row, strict=True)) for row in rows)


def _reader(source: Source) -> duckdb.DuckDBPyConnection:
    con = duckdb.connect()
    con.register_filesystem(source)
    con.execute("SET enable_progress_bar = false")
    spill_elsewhere(con)
    return con


def _of_file(source: Source, name: str, wanted: set[int]) -> Iterator[dict[str, object]]:
    path = name_of(name)
    long = source.looks.of(path).long_lines
    k = 0
    with source.looks.open(path) as file:
        for number, raw in enumerate(file, 1):
            k += bool(raw.strip(_BLANK))
            if k in wanted and raw.strip(_BLANK):
                size = long.get(number)
                reason = f"a line of {size} bytes" if size else _reason(raw)
                text = raw[bool(size) :][:_SHOWN].decode(errors="replace").rstrip("\r\n")
                yield UnreadableLine(path, number, reason, text)._asdict()


def _reason(raw: bytes) -> str:
    torn = "" if raw.endswith(b"\n") else "the line is not finished: "
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return f"{torn}{error}"
    if not isinstance(value, dict):
        return f"not a JSON object but {type(value).__name__}"
    if not isinstance(value.get("type"), str):
        return "no event: it has no text in 'type'"
    return f"{torn}JSON that DuckDB does not read"


class BlankLine(NamedTuple):
    """One line behind a blank one: the k-th that is not blank is this line of its file."""

    file: str
    k: int
    line: int


def lines_behind_blanks(source: Source) -> Iterator[dict[str, object]]:
    """Lines whose number is not their row's, because blank lines have no row."""
    for path, look in source.looks.all():
        if look.reason and not look.mended:
            continue
        k = 0
        name = name_within(path) if look.mended else path
        with source.looks.open(path) as file:
            for number, raw in enumerate(file, 1):
                if raw.strip(_BLANK):
                    k += 1
                    if k != number:
                        yield BlankLine(name, k, number)._asdict()
