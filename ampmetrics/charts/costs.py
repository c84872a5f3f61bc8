"""What the models cost, by whom and by day, and of how much nobody knows the price."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.axes import dollar_axis
from ampmetrics.charts.bars import stacked
from ampmetrics.charts.days import (
    HEIGHT,
    bounds,
    columns,
    days_of,
    highest,
    tints_of,
    top_series,
)
from ampmetrics.charts.frame import (
    Chart,
    Rows,
    colour,
    cost_text,
    framed,
    legend,
    nothing,
    number,
    rows_of,
    variant_scale,
)
from ampmetrics.charts.given import from_frame

__all__ = ["cost"]

_BY = ("model", "case_id", "run_id", "trial", "session_id", "variant")
_LACKS = ("n_unpriced", "n_not_visible")
_COUNTS = ["n_priced", *_LACKS]
_LEAST = pl.sum_horizontal(_LACKS) > 0
_AT_LEAST = _LEAST.alias("least")
_SOURCES = {"computed": "at list price", "user": "at the prices of a file"}


@from_frame
def cost(frame: pl.DataFrame) -> Chart:
    """Bars of cost in USD, from `aggregates.cost`: a row a model (or what it is by).

    With a variant in the frame and something else beside it, a row has one bar a variant. With a
    day in it: a column a day (UTC; a week, month or year where there are many), stacked by what
    else the frame is by. Requests without a price are in no bar: a sum that leaves some out says
    `at least`, or ≥ above a column, and ? where nothing has a price.
    """
    daily = "day" in frame.columns
    known = frame.drop_nulls("cost_usd")
    if known.is_empty():
        why = _unpriced(frame) or "There are no requests."
        return nothing("Cost", f"No cost is known. {why}")
    if daily and known["day"].count() == 0:
        undated = f"The day of {number(known.height, 'row')} with a price is not known."
        dated = _unpriced(frame.drop_nulls("day"), " with a day")
        return nothing("Cost by day", " ".join(filter(None, (undated, dated))))
    return _by_day(frame) if daily else _by_row(frame)


def _unpriced(frame: pl.DataFrame, which: str = "") -> str:
    n = sum(int(frame[name].sum()) for name in ("n_requests", "n_sums"))
    return f"None of {number(n, 'request')}{which} has a price." if n else ""


def _by_row(frame: pl.DataFrame) -> Chart:
    rows = rows_of(frame.with_columns(_AT_LEAST), _BY, pl.col("cost_usd").sum(), "row")
    least = bool(rows.frame["least"].any())
    known = rows.frame.drop_nulls("cost_usd")
    parts = known.select(
        "row", "series", "cost_usd", "least", *_COUNTS,
        n="cost_usd", part="series", rank=pl.lit(0),
    )  # fmt: skip
    chart = stacked(
        rows,
        parts,
        of=_colours(rows, variants="variant" in frame.columns),
        end="cost_usd",
        words=_WORDS,
        characters=17 if least else 9,
        tooltip=_tooltip("cost_usd"),
        values=dollar_axis(float(known["cost_usd"].max()))[0],  # type: ignore[arg-type]
    )
    return framed(
        chart, "Cost", [*_small_print(frame), rows.cut],
        f"Bars of cost, {rows.counted}: {_total(frame)} in all.",
        rows.height,
    )  # fmt: skip


def _colours(rows: Rows, *, variants: bool) -> alt.Color:
    if not variants:
        return alt.Color("part:N", scale=alt.Scale(range=[colour("plain")]), legend=None)
    key = legend(rows.series, symbolType="square") if rows.split else None
    return alt.Color("part:N", scale=variant_scale(rows.series), legend=key)


def _by_day(frame: pl.DataFrame) -> Chart:
    days = days_of(frame, "day")
    other = next((column for column in _BY if column in frame.columns), None)
    named = top_series(days.frame, other, pl.col("cost_usd").sum())
    place = ["from_ms", "to_ms"]
    parts = (
        named.drop_nulls("cost_usd")
        .group_by(*place, "series")
        .agg(pl.col("cost_usd").sum().alias("n"), pl.col(_COUNTS).sum())
        .with_columns(_AT_LEAST)
        .sort(*place, "series")
    )
    chart = columns(
        parts,
        days,
        axis=dollar_axis(highest(parts))[0],
        tints=tints_of(parts, other),
        tooltip=_tooltip("n", *[alt.Tooltip("series:N", title="Of")] * (other is not None)),
        marks=bounds(days, "cost_usd", _LEAST),
    )
    undated = frame["day"].null_count()
    return framed(
        chart,
        f"Cost by {days.unit}",
        [
            *_small_print(frame),
            f"≥ above a column: a lower bound; ?: no request of that {days.unit} has a price."
            if days.frame.select(_LEAST).to_series().any()
            else "",
            f"{days.said[0].upper()}{days.said[1:]}, UTC.",
            f"{number(undated, 'row')} without a day left out." if undated else "",
        ],
        f"Columns of cost by {days.unit}, {days.said}: {_total(days.frame)} in all.",
        HEIGHT,
    )


def _small_print(frame: pl.DataFrame) -> list[str]:
    sums = frame["n_sums"].sum()
    priced, unpriced, hidden = (int(frame[name].sum()) for name in _COUNTS)
    told = {word for text in frame["price_sources"].drop_nulls() for word in text.split(", ")}
    prices = " and ".join(_SOURCES.get(word, word) for word in sorted(told))
    noun = "requests and sums of many" if sums else "requests"
    lower = "sums that leave some out are lower bounds"
    return [
        f"{priced:,} of {priced + unpriced:,} {noun} have a price{', ' * bool(prices)}{prices}"
        + (f"; {lower}." if unpriced else "."),
        f"{number(hidden, 'call')} with requests that are not visible." if hidden else "",
    ]


def _total(frame: pl.DataFrame) -> str:
    least = "at least " if frame.select(_AT_LEAST)["least"].any() else ""
    return f"{least}{frame['cost_usd'].sum():,.4f} USD"


def _tooltip(usd: str, *first: alt.Tooltip) -> list[alt.Tooltip]:
    return [
        *first,
        alt.Tooltip(f"{usd}:Q", title="Cost, USD", format=",.4f"),
        alt.Tooltip("n_priced:Q", title="With a price", format=","),
        alt.Tooltip("n_unpriced:Q", title="Without", format=","),
        alt.Tooltip("n_not_visible:Q", title="Calls not visible", format=","),
    ]


_WORDS = f"({cost_text('datum.cost_usd', 'datum.least')})"
