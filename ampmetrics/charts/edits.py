"""Which files the agents changed, and by how much."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.bars import stacked
from ampmetrics.charts.frame import Chart, colour, framed, legend, nothing, number, rows_of

__all__ = ["file_edits"]

_BY = ("path", "operation", "case_id", "run_id", "trial", "session_id", "variant")
_DELETED, _ADDED = "lines deleted", "lines added"


def file_edits(frame: pl.DataFrame) -> Chart:
    """Bars of lines deleted (left) and added (right), from `aggregates.file_edits`.

    One row a path (or what the frame is by), one bar a variant in it. Files that git sees no text
    in have no lines to draw; the words beside the bars say so.
    """
    title = "Lines added and deleted"
    if frame.is_empty():
        return nothing(title, "No file was changed.")
    lines = pl.col("lines_added").fill_null(0) + pl.col("lines_deleted").fill_null(0)
    rows = rows_of(frame, _BY, lines.sum(), "row")
    chart = stacked(
        rows,
        _parts(rows.frame),
        of=alt.Color(
            "side:N",
            scale=alt.Scale(domain=[_DELETED, _ADDED], range=[colour("deleted"), colour("added")]),
            legend=legend([_DELETED, _ADDED], symbolType="square"),
        ),
        end="lines_added",
        words=_WORDS,
        characters=12,
        low=-float(rows.frame["lines_deleted"].max() or 0),  # type: ignore[arg-type]
        named=rows.split,
        tooltip=[
            alt.Tooltip("n_edits:Q", title="Edits", format=","),
            alt.Tooltip("lines_added:Q", title="Lines added", format=","),
            alt.Tooltip("lines_deleted:Q", title="Lines deleted", format=","),
        ],
        # The end of a path tells more than its beginning.
        axis=alt.Axis(labelExpr="truncate(datum.label, width < 420 ? 14 : 28, 'left')"),
    )
    edits, binary = int(frame["n_edits"].sum()), int(frame["n_binary"].sum())
    added, deleted = int(frame["lines_added"].sum()), int(frame["lines_deleted"].sum())
    return framed(
        chart,
        title,
        [
            f"Sums over {number(edits, 'edit')}.",
            f"{number(binary, 'edit')} of binary files: no lines." if binary else "",
            rows.cut,
        ],
        f"Bars of lines deleted and added, {number(len(rows.names), 'row')}: {added:,} added, "
        f"{deleted:,} deleted.",
        rows.height,
    )


_WORDS = (
    "(isValid(datum.lines_added)"
    " ? '+' + format(datum.lines_added, ',') + ' \u2212' + format(datum.lines_deleted, ',')"
    " : 'binary')"
)


def _parts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a side of a bar, deleted lines below zero."""
    columns = ["row", "series", "n_edits", "lines_added", "lines_deleted"]
    sides = (("lines_deleted", -1, _DELETED), ("lines_added", 1, _ADDED))
    return pl.concat(
        rows.drop_nulls(column).select(
            *columns,
            (pl.col(column) * sign).alias("n"),
            pl.lit(word).alias("side"),
            pl.lit(0).alias("rank"),
        )
        for column, sign, word in sides
    )
