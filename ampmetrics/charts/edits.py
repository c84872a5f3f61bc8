"""Which files the agents changed, and by how much."""

from __future__ import annotations

from typing import NamedTuple

import altair as alt
import polars as pl

from ampmetrics.charts.bars import stacked
from ampmetrics.charts.frame import Chart, colour, framed, legend, nothing, number, rows_of
from ampmetrics.charts.given import from_frame

__all__ = ["file_edits"]

_BY = ("path", "extension", "operation", "tool_name", "case_id", "run_id", "trial", "session_id",
       "variant")  # fmt: skip
_DELETED, _ADDED = "lines deleted", "lines added"


class _Lines(NamedTuple):
    """Which lines are drawn, and what is said of them."""

    added: str
    deleted: str
    said: str


_NET = _Lines("net_added", "net_deleted", "What differs in the end.")
_EDITED = _Lines("lines_added", "lines_deleted", "Edit by edit: what was left is not known.")


@from_frame
def file_edits(frame: pl.DataFrame) -> Chart:
    """Bars of lines deleted (left) and added (right), from `aggregates.file_edits`.

    One row a path (or what the frame is by), one bar a variant in it. The lines are net: what
    differs in the end; where that is known of no row, they are those of all edits, and the subtitle
    says so. The words beside a bar tell the rows without lines: binary files, edits that were
    undone, edits of which it is not known what was left.
    """
    title = "Lines added and deleted"
    if frame.is_empty():
        return nothing(title, "No file was changed.")
    of = _NET if frame["n_net"].count() else _EDITED
    drawn = frame.with_columns(
        pl.col(of.added).alias("added"), pl.col(of.deleted).alias("deleted"), _without_lines(of),
        pl.col("^extension$").fill_null("none"),
    )  # fmt: skip
    rows = rows_of(drawn, _BY, pl.sum_horizontal("added", "deleted").sum(), "row")
    chart = stacked(
        rows,
        _parts(rows.frame),
        of=alt.Color(
            "side:N",
            scale=alt.Scale(domain=[_DELETED, _ADDED], range=[colour("deleted"), colour("added")]),
            legend=legend([_DELETED, _ADDED], symbolType="square"),
        ),
        end="added",
        words=_WORDS,
        characters=12,
        low=-float(rows.frame["deleted"].max() or 0),  # type: ignore[arg-type]
        named=rows.split,
        tooltip=[
            alt.Tooltip("added:Q", title="Lines added", format=","),
            alt.Tooltip("deleted:Q", title="Lines deleted", format=","),
            alt.Tooltip("n_edits:Q", title="Edits", format=","),
            alt.Tooltip("lines_added:Q", title="Added by edits", format=","),
            alt.Tooltip("lines_deleted:Q", title="Deleted by edits", format=","),
        ],
        # The end of a path tells more than its beginning.
        axis=alt.Axis(labelExpr="truncate(datum.label, width < 420 ? 14 : 28, 'left')"),
    )
    return framed(
        chart, title, [*_small_print(frame, of), rows.cut],
        f"Bars of lines deleted and added, {rows.counted}: "
        f"{int(drawn['added'].sum()):,} added, {int(drawn['deleted'].sum()):,} deleted"
        f"{rows.in_all}.",
        rows.height,
    )  # fmt: skip


def _small_print(frame: pl.DataFrame, of: _Lines) -> list[str]:
    edits, binary, unknown, added, deleted = (
        int(frame[name].sum())
        for name in ("n_edits", "n_binary", "n_without_net", "lines_added", "lines_deleted")
    )
    gone = of is _NET and unknown
    return [
        f"{of.said} {number(edits, 'edit')} added {added:,} lines and deleted {deleted:,}.",
        f"Of {number(unknown, 'edit')} it is not known what was left." if gone else "",
        f"{number(binary, 'edit')} of binary files: no lines." if binary else "",
    ]


def _without_lines(of: _Lines) -> pl.Expr:
    """What is said in place of lines."""
    binary = pl.when(pl.col(of.added).is_null()).then(pl.lit("binary"))
    if of is _EDITED:
        return binary.alias("instead")
    n_net = pl.col("n_net")
    unknown, undone = n_net.is_null(), (n_net == 0) & (pl.col("n_edits") > 0)
    return (
        pl.when(unknown)
        .then(pl.lit("unknown"))
        .when(undone)
        .then(pl.lit("undone"))
        .otherwise(binary)
        .alias("instead")
    )


_WORDS = (
    "(datum.instead ? datum.instead"
    " : '+' + format(datum.added, ',') + ' \u2212' + format(datum.deleted, ','))"
)


def _parts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a side of a bar, deleted lines below zero."""
    columns = ["row", "series", "added", "deleted", "n_edits", "lines_added", "lines_deleted"]
    sides = (("deleted", -1, _DELETED), ("added", 1, _ADDED))
    return pl.concat(
        rows.drop_nulls(column).select(
            *columns,
            (pl.col(column) * sign).alias("n"),
            pl.lit(word).alias("side"),
            pl.lit(0).alias("rank"),
        )
        for column, sign, word in sides
    )
