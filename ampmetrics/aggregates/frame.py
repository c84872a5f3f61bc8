"""Rows of a view as a polars frame, and the words that every aggregate shares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from ampmetrics.errors import BadInputError
from ampmetrics.tables import rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["TRIAL", "checked", "frame", "total"]

TRIAL = ("run_id", "case_id", "variant", "trial", "file")
"""What names one trial; its file too, so that a copy of a run is one more and not mixed with it."""


def frame(con: DuckDBPyConnection, view: str, columns: Sequence[str]) -> pl.DataFrame:
    """These columns of a view; only they are read from the files."""
    return pl.DataFrame(rows(con, view, columns))


def checked(by: Sequence[str], choices: Sequence[str]) -> list[str]:
    """The columns to group by; raises BadInputError on one that the question does not have."""
    columns = [by] if isinstance(by, str) else list(by)
    for column in columns:
        if column not in choices:
            raise BadInputError(f"cannot group by {column!r}: choose from {', '.join(choices)}")
    return columns


def total(column: str) -> pl.Expr:
    """Sum of what is known; null where nothing is (a plain sum would say 0)."""
    return pl.when(pl.col(column).count() > 0).then(pl.col(column).sum()).alias(column)
