"""Files that an agent edited again and again."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.bars import stacked
from ampmetrics.charts.frame import UNNAMED, Chart, colour, framed, nothing, number, rows_of
from ampmetrics.charts.given import from_frame

__all__ = ["edit_loops"]


@from_frame
def edit_loops(frame: pl.DataFrame) -> Chart:
    """Bars of edits, from `aggregates.edit_loops`: a row a file in one session, most edits first.

    Beside a bar stand the lines of the file that differ in the end, where that is known.
    """
    title = "Files edited again and again"
    if frame.is_empty():
        return nothing(title, "No file was edited three times or more in one session.")
    told = frame.with_columns(_whose().alias("whose"))
    named = told.with_columns(_label().alias("file in session"))
    rows = rows_of(named, ("file in session",), pl.col("n_edits").sum(), "row")
    chart = stacked(
        rows,
        rows.frame.select(
            "row", "series", "n_edits", "n_iterations", "lines_added", "lines_deleted",
            n="n_edits", part=pl.lit("edits"), rank=pl.lit(0),
        ),
        of=alt.Color("part:N", scale=alt.Scale(range=[colour("plain")]), legend=None),
        end="n_edits",
        words=_WORDS,
        characters=50,
        tooltip=[
            alt.Tooltip("n_edits:Q", title="Edits", format=","),
            alt.Tooltip("n_iterations:Q", title="Iterations", format=","),
            alt.Tooltip("lines_added:Q", title="Added by edits", format=","),
            alt.Tooltip("lines_deleted:Q", title="Deleted by edits", format=","),
        ],
        axis=alt.Axis(
            labelExpr=f"truncate(split(datum.label, {_BETWEEN!r})[0],"
            " width < 420 ? 14 : 28, 'left')"
        ),
    )  # fmt: skip
    unknown = frame["net_added"].null_count()
    edits = int(frame["n_edits"].sum())
    return framed(
        chart,
        title,
        [
            f"{number(frame.height, 'file')} of one session each, {number(edits, 'edit')}. "
            "Beside a bar: what differs in the end.",
            f"Of {number(unknown, 'file')} that is not known, or it is binary." if unknown else "",
            rows.cut,
        ],
        f"Bars of edits, {rows.counted}: {number(edits, 'edit')} in all.",
        rows.height,
    )


def _whose() -> pl.Expr:
    """The session that edited it: its trial, or its id."""
    session = pl.when(pl.col("trial").is_null()).then(pl.col("session_id").str.slice(0, 12))
    trial = pl.format("trial {}", "trial")
    names = ["case_id", "variant", trial, session]
    return pl.concat_str(names, separator=" ", ignore_nulls=True)


def _label() -> pl.Expr:
    return pl.concat_str([pl.col("path").fill_null(UNNAMED), "whose"], separator=_BETWEEN)


_BETWEEN = " · "
_NET = (
    "(!isValid(datum.net_added) || width < 420 ? ''"
    " : datum.net_added + datum.net_deleted == 0 ? ' · undone'"
    " : ' · +' + format(datum.net_added, ',') + ' \u2212' + format(datum.net_deleted, ','))"
)
_WORDS = (
    f"(format(datum.n_edits, ',') + ' edits' + {_NET}"
    " + (width < 420 ? '' : ' · ' + truncate(datum.whose, 32)))"
)
