"""Which files the agents changed, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from ampmetrics.aggregates.frame import checked, frame, total

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["file_edits"]

BY = ("path", "operation", "variant", "case_id", "run_id", "trial", "session_id")


def file_edits(con: DuckDBPyConnection, by: Sequence[str] = ("path",)) -> pl.DataFrame:
    """One row a path (or what `by` names), most lines first.

    Columns: `by`, n_edits, n_created, n_modified, n_deleted, n_renamed, n_binary, lines_added and
    lines_deleted (sums over the text files; null where all are binary).
    `by`: any of path, operation, variant, case_id, run_id, trial, session_id; raises BadInputError
    else.
    """
    columns = checked(by, BY)
    operation = pl.col("operation")
    return (
        frame(con, "file_edits", [*BY, "lines_added", "lines_deleted", "is_binary"])
        .group_by(columns)
        .agg(
            pl.len().cast(pl.Int64).alias("n_edits"),
            *[
                (operation == word).sum().cast(pl.Int64).alias(name)
                for word, name in (
                    ("create", "n_created"),
                    ("modify", "n_modified"),
                    ("delete", "n_deleted"),
                    ("rename", "n_renamed"),
                )
            ],
            pl.col("is_binary").sum().cast(pl.Int64).alias("n_binary"),
            total("lines_added"),
            total("lines_deleted"),
        )
        .sort(
            pl.col("lines_added").fill_null(0) + pl.col("lines_deleted").fill_null(0),
            *columns,
            descending=[True, *[False] * len(columns)],
        )
    )
