"""Columns over days: what was done and spent when, by week or month where there are many days."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import polars as pl

from ampmetrics.charts.frame import UNNAMED, Chart, colour, legend, picked
from ampmetrics.theme import series_colours, variant_colours

__all__ = ["HEIGHT", "Days", "bounds", "columns", "days_of", "highest", "tints_of", "top_series"]

HEIGHT = 220
_MOST = 70
"""Columns that can be told apart; with more days they are weeks, then months, then years."""
_LABELS = 9
_MOST_SERIES = 7
_OTHERS = "all others"
_DAY_MS = 86_400_000
_STEPS = (("day", "1d", 1), ("week", "1w", 7), ("month", "1mo", 31), ("year", "1y", 366))


class Days(NamedTuple):
    """Rows with the time columns `from_ms` and `to_ms` (UTC) of the column that they are in."""

    frame: pl.DataFrame
    unit: str
    """what a column is: day, week (from Monday), month, year"""
    said: str
    """`from 2 Jan 2026 to 4 Mar 2026`"""


def days_of(frame: pl.DataFrame, day: str) -> Days:
    """The rows that have a day, each in the column of its day, week, month or year."""
    known = frame.drop_nulls(day)
    first, last = known[day].sort().gather([0, -1]).to_list()
    span = (last - first).days + 1
    unit, every, _ = next((s for s in _STEPS if span <= _MOST * s[2]), _STEPS[-1])
    begin = pl.col(day).cast(pl.Date).dt.truncate(every)
    end = begin.dt.offset_by(every)
    placed = known.with_columns(
        begin.cast(pl.Datetime("ms")).dt.epoch("ms").alias("from_ms"),
        end.cast(pl.Datetime("ms")).dt.epoch("ms").alias("to_ms"),
    )
    days = [f"{each.day} {each:%b %Y}" for each in (first, last)]
    return Days(placed, unit, f"on {days[0]}" if first == last else f"from {' to '.join(days)}")


def top_series(frame: pl.DataFrame, column: str | None, weight: pl.Expr) -> pl.DataFrame:
    """The frame with a text column `series`: the heaviest by name, the others as one."""
    if column is None:
        return frame.with_columns(pl.lit("all").alias("series"))
    named = frame.with_columns(pl.col(column).cast(pl.String).fill_null(UNNAMED).alias("series"))
    ranked = named.group_by("series").agg(weight.alias("weight"))
    names = ranked.sort("weight", "series", descending=[True, False])["series"].to_list()
    kept = names if len(names) <= _MOST_SERIES + 1 else names[:_MOST_SERIES]
    return named.with_columns(
        pl.when(pl.col("series").is_in(kept)).then("series").otherwise(pl.lit(_OTHERS))
    )


def tints_of(parts: pl.DataFrame, column: str | None) -> list[tuple[str, str]]:
    """Each series with its colour, the heaviest first and the rest as one last; alone it is plain.

    `column`: what they are. A variant is in its own colour even alone, and no other uses one up.
    """
    if column is None:
        return [("all", colour("plain"))]
    ranked = parts.group_by("series").agg(pl.col("n").sum())
    names = ranked.sort("n", "series", descending=[True, False])["series"].to_list()
    if len(names) == 1 and column != "variant":
        return [(names[0], colour("plain"))]
    kept = [name for name in names if name != _OTHERS]
    rest = [(_OTHERS, colour("faint"))] if _OTHERS in names else []
    tints = variant_colours(kept) if column == "variant" else series_colours(kept, column)
    return [*tints.items(), *rest]


def columns(
    parts: pl.DataFrame,
    days: Days,
    *,
    axis: alt.Axis,
    tints: Sequence[tuple[str, str]],
    tooltip: Sequence[alt.Tooltip],
    marks: pl.DataFrame | None = None,
) -> Chart:
    """Columns of `parts` (from_ms, to_ms, series, n), stacked in the order of `tints`.

    The axis is that of all `days`: of those without a part too, where a sign may stand.
    `tints`: each series with its colour. `marks`: where (from_ms, to_ms, top) a sign (`sign`) is to
    stand above a column.
    """
    words = [word for word, _ in tints]
    key = legend(words, symbolType="square") if len(words) > 1 else None
    tint = alt.Scale(domain=words, range=[shade for _, shade in tints])
    high = highest(parts) * 1.08 or 1.0
    bar: alt.Chart = (
        alt.Chart(_stacked(parts, words))
        .transform_calculate(end=_END, when=f"utcFormat(datum.from_ms, {_DAY!r})")
        .mark_rect()
        .encode(
            x=alt.X("from_ms:Q", title=None, scale=_time(days.frame), axis=_labels(days)),
            x2="end:T",
            y=alt.Y("low:Q", title=None, axis=axis, scale=alt.Scale(domain=[0, high], nice=False)),
            y2="high:Q",
            color=alt.Color("series:N", scale=tint, legend=key),
            tooltip=[alt.Tooltip("when:N", title=days.unit.capitalize()), *tooltip],
        )
    )
    if key is not None:
        choice, faded = picked("series", words)
        bar = bar.encode(opacity=faded).add_params(choice)
    if marks is None or marks.is_empty():
        return bar
    sign = (
        alt.Chart(marks)
        .transform_calculate(middle="(datum.from_ms + datum.to_ms) / 2")
        .mark_text(baseline="bottom", dy=-2, fontSize=11, color=colour("soft"))
        .encode(x=alt.X("middle:Q"), y=alt.Y("top:Q"), text="sign:N")
    )
    return alt.LayerChart(layer=[bar, sign])


def bounds(days: Days, value: str, least: pl.Expr) -> pl.DataFrame:
    """The signs above columns that leave some out: ≥, or ? where nothing of `value` is known."""
    sign = pl.when(pl.col(value).count() > 0).then(pl.lit("≥")).otherwise(pl.lit("?"))
    return (
        days.frame.group_by("from_ms", "to_ms")
        .agg(pl.col(value).sum().alias("top"), sign.alias("sign"), least.any().alias("least"))
        .filter("least")
        .select("from_ms", "to_ms", "top", "sign")
        .sort("from_ms")
    )


def highest(parts: pl.DataFrame) -> float:
    """Where the highest column ends."""
    return float(parts.group_by("from_ms").agg(pl.col("n").sum())["n"].max() or 0)  # type: ignore[arg-type]


def _stacked(parts: pl.DataFrame, words: Sequence[str]) -> pl.DataFrame:
    """The parts with `low` and `high`, where each lies in its column."""
    order = {word: place for place, word in enumerate(words)}
    rank = pl.col("series").replace_strict(order, return_dtype=pl.Int64)
    end = pl.col("n").cum_sum().over("from_ms")
    return parts.sort("from_ms", rank).with_columns(
        (end - pl.col("n")).alias("low"), end.alias("high")
    )


def _time(rows: pl.DataFrame) -> alt.Scale:
    first, last = (int(rows[name].sort()[place]) for name, place in (("from_ms", 0), ("to_ms", -1)))
    # A lonely column is no wall.
    room = max(0, 10 * int((rows["to_ms"] - rows["from_ms"]).max()) - (last - first)) // 2  # type: ignore[arg-type]
    return alt.Scale(domain=[first - room, last + room], nice=False, zero=False)


def _labels(days: Days) -> alt.Axis:
    starts = days.frame["from_ms"].unique().sort().to_list()
    span = (starts[-1] - starts[0]) // _DAY_MS + 1
    form = {"month": "%b %Y", "year": "%Y"}.get(days.unit, "%-d %b" if span < 300 else "%-d %b %Y")
    return alt.Axis(
        values=_thinned(starts),
        labelExpr=f"utcFormat(datum.value, {form!r})",
        labelAlign="left",
        labelOverlap=True,
        labelSeparation=12,
        labelFlush=False,
        grid=False,
    )


def _thinned(starts: Sequence[int]) -> list[int]:
    """At most so many of them, evenly over the time and not over the columns."""
    if len(starts) <= _LABELS:
        return list(starts)
    least = (starts[-1] - starts[0]) / _LABELS
    kept = [starts[0]]
    for start in starts[1:]:
        if start - kept[-1] >= least:
            kept.append(start)
    return kept


_DAY = "%a %-d %b %Y"
_END = "datum.to_ms - (datum.to_ms - datum.from_ms) * 0.14"
