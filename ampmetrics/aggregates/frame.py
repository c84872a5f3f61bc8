"""Rows of a view as a polars frame, and the words that every aggregate shares."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ampmetrics.errors import BadInputError
from ampmetrics.events import Outcome
from ampmetrics.tables import rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

__all__ = [
    "TRIAL",
    "checked",
    "frame",
    "length",
    "number",
    "run_again",
    "scan",
    "strings",
    "total",
]

TRIAL = ("run_id", "case_id", "variant", "trial", "file")
"""What names one trial; its file too, so that a copy of a run is one more and not mixed with it."""

_WHOLE = ("events", "runs", "event_files", "unreadable_lines", "wrong_values")
"""Views that say what is in the files, whatever trial it belongs to."""

_SAME = ("file", "suite", "case_hash", "case_id", "variant", "trial")


def frame(con: DuckDBPyConnection, view: str, columns: Sequence[str]) -> pl.DataFrame:
    """These columns of a view, without the trials that were run again; no other column is read."""
    again = None if view in _WHOLE else run_again(con)
    if again is None or again.is_empty():
        return pl.DataFrame(_Stream(rows(con, view, columns)))
    return scan(con, view, columns).collect()


def scan(con: DuckDBPyConnection, view: str, columns: Sequence[str]) -> pl.LazyFrame:
    """The rows of `frame`, not held as a whole: for what is soon counted or mostly left out.

    A connection answers one question at a time: collect it, once, before the next is asked.
    A column may also be what `tables.wide` makes of one.
    """
    again = None if view in _WHOLE else run_again(con)
    if again is None or again.is_empty():
        return pl.scan_arrow_c_stream(rows(con, view, columns))
    read = rows(con, view, list(dict.fromkeys([*columns, *TRIAL])))
    kept = pl.scan_arrow_c_stream(read).join(again.lazy(), on=TRIAL, how="anti", nulls_equal=True)
    return kept.select([column.rpartition(" AS ")[2] for column in columns])


class _Stream:
    """Rows on their way to polars, without the class that DuckDB gives them.

    Where numpy is installed polars would keep that class, and DuckDB then complains at the end of
    the process, on stderr, that it was leaked.
    """

    def __init__(self, relation: DuckDBPyRelation) -> None:
        self._relation = relation

    def __arrow_c_stream__(self, schema: object = None) -> object:
        return self._relation.__arrow_c_stream__(schema)


def run_again(con: DuckDBPyConnection) -> pl.DataFrame:
    """One row a trial that never ended or was cancelled and that a later run did once more.

    Columns: those of TRIAL. The later trial stands in its place: it has the same suite, case,
    variant and number, and a later start in the same file, as a run has that goes on with another.
    """
    # Every question asks this first: while no file changes, the answer is the same.
    state = _state(con)
    if state is None:
        return _run_again(con)
    answer = _answers.get(state)
    if answer is None:
        answer = _run_again(con)
        _answers.clear()
        _answers[state] = answer
    return answer


_answers: dict[tuple[tuple[str, int, int], ...], pl.DataFrame] = {}


def _state(con: DuckDBPyConnection) -> tuple[tuple[str, int, int], ...] | None:
    """Name, size and time of every event file; null where one cannot be looked at."""
    files = [file for (file,) in rows(con, "event_files").fetchall()]
    try:
        found = [(file, Path(file).stat()) for file in files]
    except OSError:
        return None
    return tuple((file, stat.st_size, stat.st_mtime_ns) for file, stat in found)


def _run_again(con: DuckDBPyConnection) -> pl.DataFrame:
    read = [*TRIAL, *_SAME[1:3], "started_at", "outcome"]
    trials = pl.DataFrame(_Stream(rows(con, "trials", read)))
    last = (
        trials.drop_nulls("started_at")
        .sort("started_at")
        .group_by(_SAME)
        .agg(pl.col("run_id").last().alias("last_run"), pl.col("started_at").last().alias("last"))
    )
    stopped = pl.col("outcome").is_null() | (pl.col("outcome") == Outcome.CANCELLED)
    return (
        trials.filter(stopped)
        .join(last, on=_SAME, nulls_equal=True)
        .filter(
            pl.col("started_at") < pl.col("last"), pl.col("run_id").ne_missing(pl.col("last_run"))
        )
        .select(TRIAL)
    )


def checked(by: Sequence[str], choices: Sequence[str]) -> list[str]:
    """The columns to group by; raises BadInputError on one that the question does not have."""
    columns = [by] if isinstance(by, str) else list(by)
    for column in columns:
        if column not in choices:
            raise BadInputError(f"cannot group by {column!r}: choose from {', '.join(choices)}")
    return columns


def total(column: str) -> pl.Expr:
    """Sum of what is known; null where nothing is (a plain sum would say 0).

    Sorted first: the last digit of a sum depends on the order, and rows have none.
    """
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sort().sum()).alias(column)


def number(rows: pl.Expr, name: str) -> pl.Expr:
    """How many rows are such."""
    return rows.sum().cast(pl.Int64).alias(name)


def strings(column: str) -> pl.Expr:
    """A column of JSON lists as lists of texts; null where it holds no list."""
    return pl.col(column).map_elements(_strings, return_dtype=pl.List(pl.String))


def length(column: str) -> pl.Expr:
    """How many texts such a column holds; null where it holds no list."""
    return strings(column).list.len().cast(pl.Int64)


def _strings(text: str) -> list[str] | None:
    value: Any = json.loads(text)
    return [str(item) for item in value] if isinstance(value, list) else None
