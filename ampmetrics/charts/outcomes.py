"""How the trials ended: pass rates, k of n by case and variant, every trial in one tile."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.axes import room
from ampmetrics.charts.frame import (
    Chart,
    Rows,
    colour,
    framed,
    legend,
    listed,
    nothing,
    number,
    picked,
    rows_of,
    variant_scale,
)
from ampmetrics.charts.given import from_frame
from ampmetrics.charts.grid import outcomes
from ampmetrics.charts.rates import intervals

__all__ = ["outcomes", "pass_rate"]

_BY = ("case_id", "agent", "model", "run_id", "variant")


@from_frame
def pass_rate(frame: pl.DataFrame) -> Chart:
    """How much passed, from `aggregates.pass_rate` or `aggregates.outcomes`.

    From `pass_rate`: a point a variant (or what it is by), with its interval. From `outcomes`: bars
    with k of n written, one row a case (or what else the frame is by), one bar a variant in it;
    what passes least often stands first. The share is of the trials with a verdict; a row without
    any has no point or bar and says so.
    """
    title = "Pass rate"
    if frame.is_empty():
        return nothing(title, "There are no trials.")
    if "ci_low" in frame.columns:
        return intervals(frame, title)
    share = pl.col("n_passed").sum() / pl.col("n_verdicts").sum()
    # Least often first: were the worst last, they would be what is cut.
    rows = rows_of(frame, _BY, -share.fill_nan(None), "row")
    k, n = int(frame["n_passed"].sum()), int(frame["n_verdicts"].sum())
    unjudged = int(frame["n_trials"].sum()) - n
    return framed(
        _drawn(rows, "variant" in frame.columns),
        title,
        [
            f"Passed of the {number(n, 'trial')} with a verdict: k of n, without an interval.",
            "What passes least often stands first.",
            f"{number(unjudged, 'trial')} without one left out." if unjudged else "",
            rows.cut,
            rows.left("pass at least as often" + ", variants together" * rows.split),
        ],
        f"Bars of the pass rate, {f'{rows.frame.height:,} in ' * rows.split}{rows.counted}: "
        f"{k:,} of {n:,} trials with a verdict passed{rows.in_all}. {_said(rows)}.",
        rows.height,
    )


def _said(rows: Rows) -> str:
    """The first rows in words, in the order drawn."""
    place = pl.col("row").replace_strict({name: i for i, name in enumerate(rows.names)})
    name = pl.format("{}, {}", "row", "series") if rows.split else pl.col("row")
    counts = "n_passed", "n_verdicts", "n_trials"
    each = rows.frame.sort(place, "series").select(name, *counts).rows()
    return listed(
        [f"{what} {f'{k} of {n}' if n else f'none of {of} judged'}" for what, k, n, of in each]
    )


def _drawn(rows: Rows, variants: bool) -> alt.LayerChart:
    columns = ["row", "series", "pass_rate", "n_passed", "n_verdicts", "n_trials"]
    base = (
        alt.Chart(rows.frame.select(columns))
        .encode(tooltip=_tooltip(rows), **rows.encoding)
        .transform_calculate(zero="0", one="1", k_of_n=_K_OF_N, rate=_RATE)
    )
    unjudged = bool((rows.frame["n_verdicts"] == 0).any())
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], title=None)
    scale = room(0, 1, 110 if unjudged else 70, 84 if unjudged else 54)
    track = base.mark_bar(height=9, cornerRadius=2, color=colour("track")).encode(
        x=alt.X("zero:Q", scale=scale, axis=axis), x2="one:Q"
    )
    tint = variant_scale(rows.series) if variants else alt.Scale(range=[colour("plain")])
    bar = base.mark_bar(height=9, cornerRadius=2).encode(
        x=alt.X("pass_rate:Q"),
        color=alt.Color("series:N", scale=tint, legend=legend(rows.series) if rows.split else None),
    )
    if rows.split:
        choice, faded = picked("series", rows.series)
        bar = bar.encode(opacity=faded).add_params(choice)
    text = base.mark_text(align="left", dx=7, color=colour("soft")).encode(
        x=alt.X("one:Q"), text="k_of_n:N"
    )
    # A layer of nothing but nulls has no extent, and Vega warns of that on the console.
    judged = [bar] if rows.frame["pass_rate"].count() else []
    return alt.LayerChart(layer=[track, *judged, text])


def _tooltip(rows: Rows) -> list[alt.Tooltip]:
    return [
        *rows.tooltip,
        alt.Tooltip("rate:N", title="Pass rate"),
        alt.Tooltip("n_passed:Q", title="Passed"),
        alt.Tooltip("n_verdicts:Q", title="With a verdict"),
        alt.Tooltip("n_trials:Q", title="Trials"),
    ]


_RATE = "isValid(datum.pass_rate) ? format(datum.pass_rate, '.1%') : 'unknown'"
_K_OF_N = (
    "datum.n_verdicts > 0 ? datum.n_passed + ' of ' + datum.n_verdicts"
    " : 'none of ' + datum.n_trials + ' judged'"
)
