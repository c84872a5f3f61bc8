"""Pass rates with their intervals: a point and a line a row."""

from __future__ import annotations

import altair as alt
import polars as pl

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

__all__ = ["intervals"]

_BY = ("case_id", "agent", "model", "run_id", "variant")
_RESTS_ON = r", \d+ cases?( in \d+ clusters?)? with .*? each"
"""What a method says of its own row; the words beside the point say it too."""


def intervals(frame: pl.DataFrame, title: str) -> Chart:
    """A point a row at its rate, and a line for its interval, from `aggregates.pass_rate`."""
    rows = rows_of(frame, _BY, pl.col("pass_rate").max(), "row")
    n_trials, n_verdicts = int(frame["n_trials"].sum()), int(frame["n_verdicts"].sum())
    if not n_verdicts:
        why = f"None of {number(n_trials, 'trial')} has a verdict."
        return nothing(title, f"No pass rate is known. {why}")
    unjudged = n_trials - n_verdicts
    return framed(
        _drawn(rows, "variant" in frame.columns),
        title,
        [
            f"Mean over cases, each of them alike: {number(n_verdicts, 'trial')} with a verdict.",
            *_methods(frame),
            f"{number(unjudged, 'trial')} without a verdict left out." if unjudged else "",
            rows.cut,
            rows.left("pass at most as often" + ", by the highest rate of each" * rows.split),
        ],
        f"Pass rates with intervals, {f'{rows.frame.height:,} in ' * rows.split}{rows.counted}: "
        f"{_said(rows)}.",
        rows.height,
    )


def _drawn(rows: Rows, variants: bool) -> alt.LayerChart:
    columns = ["row", "series", "pass_rate", "ci_low", "ci_high", "n_cases", "n_passed",
               "n_verdicts", "n_trials", "method"]  # fmt: skip
    base = (
        alt.Chart(rows.frame.select(columns))
        .encode(tooltip=_tooltip(rows), **rows.encoding)
        .transform_calculate(zero="0", one="1", rate=_RATE, between=_BETWEEN, said=_SAID)
    )
    scale = alt.Scale(domain=[0, 1], range=[0, alt.expr(_END)], nice=False)
    axis = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75, 1], title=None)
    track = base.mark_bar(height=9, cornerRadius=2, color=colour("track")).encode(
        x=alt.X("zero:Q", scale=scale, axis=axis), x2="one:Q"
    )
    tint = variant_scale(rows.series) if variants else alt.Scale(range=[colour("plain")])
    key = legend(rows.series) if rows.split else None
    colours = alt.Color("series:N", scale=tint, legend=key)
    line = (
        base.transform_filter("isValid(datum.ci_low)")
        .mark_rule(strokeWidth=3, strokeCap="round", strokeOpacity=0.55)
        .encode(x=alt.X("ci_low:Q"), x2="ci_high:Q", color=colours)
    )
    point = base.mark_point(filled=True, size=95, opacity=1).encode(
        x=alt.X("pass_rate:Q"), color=colours
    )
    text = base.mark_text(align="left", dx=9, color=colour("soft")).encode(
        x=alt.X("one:Q"), text="said:N"
    )
    # A layer of nothing but nulls has no extent, and Vega warns of that on the console.
    seen = [line, point] if rows.frame["ci_low"].count() else [point]
    if rows.split:
        choice, faded = picked("series", rows.series)
        seen = [each.encode(opacity=faded) for each in seen]
        seen[0] = seen[0].add_params(choice)
    return alt.LayerChart(layer=[track, *seen, text])


def _tooltip(rows: Rows) -> list[alt.Tooltip]:
    return [
        *rows.tooltip,
        alt.Tooltip("rate:N", title="Pass rate"),
        alt.Tooltip("between:N", title="Interval"),
        alt.Tooltip("n_cases:Q", title="Cases", format=","),
        alt.Tooltip("n_passed:Q", title="Passed", format=","),
        alt.Tooltip("n_verdicts:Q", title="With a verdict", format=","),
        alt.Tooltip("n_trials:Q", title="Trials", format=","),
        alt.Tooltip("method:N", title="Method"),
    ]


def _methods(frame: pl.DataFrame) -> list[str]:
    """How the intervals were made, or why there is none, each way once."""
    ways = frame["method"].drop_nulls().str.replace(_RESTS_ON, "")
    told = ways.unique(maintain_order=True).to_list()
    if len(told) > 3:
        return [f"Intervals in {len(told)} ways: hover over a point to see its own."]
    return [f"{way[0].upper()}{way[1:]}." for way in told]


def _said(rows: Rows) -> str:
    """Each row in words, the highest rate first."""
    name = pl.format("{}, {}", "row", "series") if rows.split else pl.col("row")
    told = (
        rows.frame.select(name.alias("what"), "pass_rate", "ci_low", "ci_high")
        .sort("what")
        .sort("pass_rate", descending=True, nulls_last=True, maintain_order=True)
    )
    return listed([f"{what} {_rate(*each)}" for what, *each in told.rows()])


def _rate(rate: float | None, low: float | None, high: float | None) -> str:
    between = "no interval" if low is None else f"interval {low:.1%} to {high:.1%}"
    return "unknown" if rate is None else f"{rate:.1%}, {between}"


_END = "width - (width < 420 ? 58 : 190)"
_RATE = "isValid(datum.pass_rate) ? format(datum.pass_rate, '.1%') : 'unknown'"
_BETWEEN = (
    "isValid(datum.ci_low) ? format(datum.ci_low, '.1%') + ' to ' + format(datum.ci_high, '.1%')"
    " : 'none'"
)
_CASES = "format(datum.n_cases, ',') + (datum.n_cases == 1 ? ' case' : ' cases')"
_SAID = (
    "!isValid(datum.pass_rate) ? 'unknown' : width < 420 ? format(datum.pass_rate, '.0%')"
    " : format(datum.pass_rate, '.0%') + (isValid(datum.ci_low) ? ' (' + format(100 * datum.ci_low,"
    f" '.0f') + ' to ' + format(100 * datum.ci_high, '.0f') + ')' : '') + ' · ' + {_CASES}"
)
