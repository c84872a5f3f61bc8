"""Whole tables as they leave: Parquet, CSV and DuckDB files, or rows for who writes another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import duckdb

from ampmetrics.errors import BadInputError
from ampmetrics.tables.answers import Answer, ask
from ampmetrics.tables.columns import Column, Table, describe
from ampmetrics.tables.lines import listed, quote, quoted
from ampmetrics.tables.spill import spill_elsewhere

__all__ = ["as_text", "copy_csv", "copy_duckdb", "copy_parquet", "day_of", "plain_rows"]

_TIME = "TIMESTAMPTZ"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠", "'")
"""What a spreadsheet may take for the beginning of a formula, and the sign that says it is none."""
_AT_ONCE = "4096"
"""Rows that are gathered before they are written: some have a diff or a prompt of megabytes."""


def copy_parquet(
    con: duckdb.DuckDBPyConnection, table: Table, target: Path, *, by_day: bool
) -> int:
    """Write a table as a Parquet file; by day as a folder of them, one `day=YYYY-MM-DD` a UTC day.

    The day is that of its `timestamp` or `started_at`. Gives the number of rows, as all do.
    """
    columns = ", ".join(quote(c.name) for c in table.columns)
    options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_AT_ONCE}0"
    if by_day:
        day = day_of(table)
        columns += f", CAST({quote(day)} AT TIME ZONE 'UTC' AS DATE) AS day"
        options += ", PARTITION_BY (day)"
        target.mkdir()
    return _copied(con, f"SELECT {columns} FROM {quote(table.name)}", target, options)


def day_of(table: Table) -> str:
    """The column by whose day a table is divided; nothing where it has none."""
    names = [c.name for c in table.columns if c.sql_type == _TIME]
    return next((name for name in ("timestamp", "started_at") if name in names), "")


def copy_csv(con: duckdb.DuckDBPyConnection, table: Table, target: Path) -> int:
    """Write a table as CSV that no spreadsheet takes for formulas.

    A text is quoted, a null is empty; times are UTC. Before a text that begins like a formula, or
    with a ', stands a ' more.
    """
    columns = ", ".join(f"{_harmless(c)} AS {quote(c.name)}" for c in table.columns)
    texts = ", ".join(quote(c.name) for c in table.columns if c.sql_type in ("VARCHAR", "JSON"))
    options = f"FORMAT csv, HEADER, FORCE_QUOTE ({texts})"
    return _copied(con, f"SELECT {columns} FROM {quote(table.name)}", target, options)


def _harmless(column: Column) -> str:
    name = quote(column.name)
    if column.sql_type not in ("VARCHAR", "JSON"):
        return _plain(column)
    text = f"{name}::VARCHAR"
    return f"CASE WHEN left({text}, 1) IN ({listed(_FORMULA)}) THEN '''' || {text} ELSE {text} END"


def copy_duckdb(con: duckdb.DuckDBPyConnection, target: Path) -> dict[str, int]:
    """Write every table, with its comments, into a DuckDB file; gives their numbers of rows."""
    counts = {}
    with _refusals(target), closing(duckdb.connect(str(target))) as writer:
        _settle(writer)
        for table in describe():
            name = quote(table.name)
            columns = ", ".join(f"{quote(c.name)}::{c.sql_type} AS {c.name}" for c in table.columns)
            answer = _stream(con, f"FROM {name}")  # noqa: F841 - DuckDB finds it by its name
            writer.execute(f"CREATE TABLE {name} AS SELECT {columns} FROM answer")
            writer.execute(f"COMMENT ON TABLE {name} IS {quoted(table.meaning)}")
            for c in table.columns:
                writer.execute(f"COMMENT ON COLUMN {name}.{quote(c.name)} IS {quoted(c.meaning)}")
            ((counts[table.name],),) = writer.execute(f"SELECT count(*) FROM {name}").fetchall()
    return counts


def plain_rows(con: duckdb.DuckDBPyConnection, table: Table) -> Answer:
    """Rows of a table of nothing but texts, numbers and flags: times are ISO 8601, UTC."""
    columns = ", ".join(f"{_plain(c)} AS {quote(c.name)}" for c in table.columns)
    return ask(con, f"SELECT {columns} FROM {quote(table.name)}")


def _plain(column: Column) -> str:
    name = quote(column.name)
    return as_text(name) if column.sql_type == _TIME else name


def as_text(time: str) -> str:
    """A time as a text of always the same length, so that their order is that of the times."""
    return f"strftime({time}, '%Y-%m-%dT%H:%M:%S.%fZ')"


def _copied(con: duckdb.DuckDBPyConnection, query: str, target: Path, options: str) -> int:
    with _refusals(target), closing(duckdb.connect()) as writer:
        _settle(writer)
        answer = _stream(con, query)  # noqa: F841 - DuckDB finds it by its name
        copy = f"COPY (FROM answer) TO {quoted(str(target))} ({options})"
        ((count,),) = writer.execute(copy).fetchall()
        return int(count)


def _stream(con: duckdb.DuckDBPyConnection, query: str) -> object:
    """Rows as they come, for a second connection: the first may write nothing."""
    return con.sql(query).__arrow_c_stream__()


def _settle(writer: duckdb.DuckDBPyConnection) -> None:
    writer.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    writer.execute("SET memory_limit = '768MB'")
    spill_elsewhere(writer)


@contextmanager
def _refusals(target: Path) -> Iterator[None]:
    try:
        yield
    except duckdb.Error as error:
        line = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise BadInputError(f"{target.name} cannot be written: {line}") from error
