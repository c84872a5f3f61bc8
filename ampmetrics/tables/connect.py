"""Opens the connection; hands rows of a view on to the aggregates."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import duckdb

from ampmetrics.errors import BadInputError
from ampmetrics.jsonl import names_of_event_files
from ampmetrics.tables.cache import opened, without_rows
from ampmetrics.tables.files import SHORT_LINE, Looks, nameable
from ampmetrics.tables.remote import local_and_remote
from ampmetrics.tables.source import BLANK_LINES, UNREADABLE_LINES, WRONG_VALUES, Source
from ampmetrics.tables.spill import spill_elsewhere
from ampmetrics.tables.unreadable import lines_behind_blanks, unreadable_lines, wrong_values
from ampmetrics.tables.views import create_views

__all__ = ["connect", "connected_paths", "query", "rows"]

_MANY = 200
"""From so many files on it is the files that cost, not the bytes."""


def connect(
    paths: str | Path | Iterable[str | Path],
    *,
    cache: bool | str | Path | None = None,
    external_access: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A DuckDB connection with one view a subject straight over the event files.

    `paths` is a file, folder, glob, address or list of these; files may be compressed (.gz, .zst).
    Nothing is read before a query asks for it, and every query sees the files as they are then,
    but no files that came later; what is at an address (https://..., and s3://... and others where
    fsspec's library for it is installed) is fetched once. Views: `events` (everything, `data` as
    JSON, with `file` and `line`), `runs`, `trials`, `sessions`, `iterations`, `user_messages`,
    `tool_calls`, `llm_usage`, `file_edits`, `net_changes`, `git_operations`, `test_results`; times
    are UTC, ids text, what is not known null. `unreadable_lines(file, line, reason, text)` names
    every line that is no event, `wrong_values(file, line, field, value)` every value that is not of
    its column's type, `event_files(file)` the files. `describe()` lists all with their columns.

    `cache`: what was read is kept as Parquet beside the files, and what changed in them is noticed
    with every query; true: in the user's cache folder (or $AMPMETRICS_CACHE), built when it is
    first asked for; a path: in that folder; false: never; null: in the user's folder, where the
    files are large or many, and built once that costs no more than the reading before. The answers
    are the same.

    A query can read nothing but these files and write none but them (`COPY … TO` would overwrite
    one), and its settings are locked; with `external_access` it is an ordinary connection. Raises
    BadInputError where there is no event file.
    """
    local, remote = local_and_remote(paths)
    here = names_of_event_files(local) if local or not remote else []
    files, odd = nameable(here)
    remote |= odd
    con = duckdb.connect()
    made = {
        UNREADABLE_LINES: unreadable_lines,
        WRONG_VALUES: wrong_values,
        BLANK_LINES: lines_behind_blanks,
    }
    source = Source(made)
    con.register_filesystem(source)
    con.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
    con.execute("SET VARIABLE connected_paths = ?::BLOB[]", [list(map(os.fsencode, local))])
    names = [*files, *remote]
    con.execute("CREATE TABLE event_files AS SELECT unnest(?::VARCHAR[]) AS file", [names])
    many = len(names) >= _MANY
    kept = opened([str(path) for path in local], names, source, cache, many=many)
    source.no_rows = without_rows(con) if kept else b""
    large = not many and any(map(_is_large, files))
    con.execute(";".join(create_views(many=many, large=large, cached=kept is not None)))
    source.looks, source.kept = Looks(files, remote), kept
    if not external_access:
        spill_elsewhere(con)
        con.execute("SET allowed_directories = ['ampmetrics://']")
        con.execute("SET allowed_paths = ?", [files])
        con.execute("SET enable_external_access = false; SET lock_configuration = true")
    return con


def _is_large(file: str) -> bool:
    try:
        return os.path.getsize(file) > SHORT_LINE  # noqa: PTH202 - a file is a text here
    except OSError:
        return False


def connected_paths(con: duckdb.DuckDBPyConnection) -> list[str]:
    """The files, folders and globs that were connected, as they were given; not the addresses."""
    ((paths,),) = con.execute("SELECT getvariable('connected_paths')").fetchall()
    return list(map(os.fsdecode, paths or []))


def rows(
    con: duckdb.DuckDBPyConnection, view: str, columns: Sequence[str] = ()
) -> duckdb.DuckDBPyRelation:
    """Rows of one view, only these columns read; raises BadInputError on an unknown view.

    A column may also be an expression with a name, such as `tables.wide` makes.
    """
    try:
        # Not con.view(view).select(…): it binds all columns of the view, and then these.
        return con.sql(f"SELECT {', '.join(columns) or '*'} FROM main.{view}")
    except duckdb.CatalogException as error:
        raise BadInputError(
            f"this connection has no view {view!r}: open it with ampmetrics.connect(PATH)"
        ) from error


def query(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Columns and all rows of a query; raises BadInputError where DuckDB refuses it."""
    try:
        found = con.execute(sql)
        if found is None:
            raise BadInputError("the query is empty")
        return [column[0] for column in found.description or []], found.fetchall()
    except duckdb.Error as error:
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        raise BadInputError(f"the query was refused: {' - '.join(lines[:2])}") from error
