"""Whole lines and whole sessions, one after the other: for files of events and of conversations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import duckdb

from ampmetrics.tables.answers import ask
from ampmetrics.tables.lines import lines_of
from ampmetrics.tables.source import EVENTS, name_of

__all__ = ["Line", "session_lines", "whole_lines"]


class Line(NamedTuple):
    """One line that is not blank."""

    file: str
    session_id: str | None
    text: str | None
    """as it stands there, without what is blank around it; null: it is no event"""


def whole_lines(con: duckdb.DuckDBPyConnection) -> Iterator[list[Line]]:
    """All lines in the order of files and lines, many at once."""
    answer = ask(
        con,
        "SELECT filename, json->>'$.sessionId', CASE WHEN json_type(json, '$.type') = 'VARCHAR' "
        f"THEN json::VARCHAR END FROM {lines_of([EVENTS])}",
    )
    for rows in answer.batches:
        yield [Line(name_of(name), session, text) for name, session, text in rows]


def session_lines(con: duckdb.DuckDBPyConnection) -> Iterator[Line]:
    """Lines that are events, session by session: those of a file together, in their order.

    Those of no session come last in their file.
    """
    numbered = (
        "SELECT filename, json->>'$.sessionId' AS session, json, row_number() OVER () AS n "
        f"FROM {lines_of([EVENTS])}"
    )
    answer = ask(
        con,
        f"SELECT filename, session, json::VARCHAR FROM ({numbered}) "
        "WHERE json_type(json, '$.type') = 'VARCHAR' ORDER BY filename, session NULLS LAST, n",
    )
    for rows in answer.batches:
        yield from (Line(name_of(name), session, text) for name, session, text in rows)
