"""Differences as points with intervals about the line where both sides are the same."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import polars as pl

from ampmetrics.charts.frame import (
    colour,
    count_text,
    duration_text,
    legend,
    ordered,
    picked,
    usd_text,
    variant_scale,
)

__all__ = ["CHANCE", "SHOWN", "UNTESTED", "forest"]

SHOWN, CHANCE, UNTESTED = "a difference", "may be chance", "not tested"
_TINTS = {SHOWN: "ink", CHANCE: "unjudged", UNTESTED: "faint"}
_POINTS = ("difference", "ci_low", "ci_high")
_RATIOS = ("ratio", "ratio_low", "ratio_high")
_FARTHEST = math.log(1500)
"""Ratios beyond, the logarithm of, end at the edge; the words beside tell them."""
_STEPS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 1)
_LESS = (0.95, 0.9, 0.8, 0.5, 0.2, 0.1, 0.05, 0.01, 0.001)
_MORE = (1.05, 1.1, 1.25, 2, 5, 10, 20, 100, 1000)
_INNER = "width < 420 && datum.index > 0 && datum.index < 1"
"""Vega expression: a tick that has no room on a narrow page."""
_SAME = "(width < 420 ? '{}' : 'the same')"
_WIDE, _NARROW = 176, 76
"""Room for the words right of the plot, px."""
_LONG, _SHORT, _CHAR = 22, 8, 6.4
"""Characters of a variant's name before these words, and how wide one is, px."""


def forest(rows: pl.DataFrame, names: Sequence[str], *, several: bool) -> alt.LayerChart:
    """A row a metric: one point in the colour of its evidence, or one a variant in its own."""
    end = _end(max(map(len, names)) if several else 0)
    look = _look(rows, names, several=several)
    rates = rows.filter(pl.col("metric") == "pass_rate").drop_nulls("difference")
    ratios = rows.filter(pl.col("metric") != "pass_rate").drop_nulls("ratio")
    choice, faded = picked("variant" if several else "evidence", names if several else [*_TINTS])
    look |= {"opacity": faded}
    words = _written(rows, look, end, named=several)
    marks: list[alt.Chart | alt.LayerChart] = []
    if rates.height:
        x = _points_axis(_reach(rates, _POINTS, 0.05), end)
        marks.append(_marks(rates, x, look, _POINTS, hollow=several))
    if ratios.height:
        logs = ratios.with_columns(pl.col(_RATIOS).log())
        x = _ratio_axis(math.exp(min(_reach(logs, _RATIOS, 0.1), _FARTHEST)), end)
        marks.append(_marks(ratios, x, look, _RATIOS, hollow=several))
    # A click on the legend is heard by a layer that is in it, and words without a colour are not.
    heard, *others = [*marks, words] if several else [words, *marks]
    layers = [_middle(end), heard.add_params(choice), *others]
    chart: alt.LayerChart = alt.LayerChart(layer=layers).resolve_scale(x="independent")
    return chart


def _end(longest: int) -> str:
    """Vega expression: where the plot ends and the words begin."""
    name = (min(longest, most) * _CHAR + 8 if longest else 0 for most in (_SHORT, _LONG))
    narrow, wide = (least + more for least, more in zip((_NARROW, _WIDE), name, strict=True))
    return f"(width - (width < 420 ? {narrow:.0f} : {wide:.0f}))"


def _look(rows: pl.DataFrame, names: Sequence[str], *, several: bool) -> dict[str, Any]:
    """What all marks of a row share."""
    metrics = rows["row"].unique(maintain_order=True).to_list()
    if several:
        y = alt.Y("row:N", title=None, scale=ordered(metrics, padding=0.2))
        tint = alt.Color("variant:N", scale=variant_scale(names), legend=legend(names))
        place = {"y": y, "yOffset": alt.YOffset("variant:N", scale=ordered(names))}
        return {**place, "color": tint, "tooltip": _tooltip(several=True)}
    words = [word for word in _TINTS if (rows["evidence"] == word).any()]
    scale = alt.Scale(domain=words, range=[colour(_TINTS[word]) for word in words])
    return {
        "y": alt.Y("row:N", title=None, scale=ordered(metrics, padding=0.4)),
        "color": alt.Color("evidence:N", scale=scale, legend=legend(words)),
        "tooltip": _tooltip(several=False),
    }


def _reach(rows: pl.DataFrame, columns: tuple[str, ...], least: float) -> float:
    """How far from no difference the axis goes, the same to both sides."""
    widest = rows.select(pl.max_horizontal(pl.col(columns).abs()).max()).item()
    return 1.1 * max(least, float(widest))


def _points_axis(reach: float, end: str) -> alt.X:
    reach = min(reach, 1.1)
    step = next((s for s in _STEPS if s * 2.5 >= reach), 1)
    ticks = [i * step for i in range(-2, 3) if abs(i * step) <= reach]
    axis = alt.Axis(
        orient="top",
        values=ticks,
        grid=False,
        title="Pass rate, percentage points",
        labelExpr=f"datum.value == 0 ? {_SAME.format('0')} : {_INNER} ? ''"
        " : format(100 * datum.value, '+.3~r')",
    )
    scale = alt.Scale(domain=[-reach, reach], range=[0, alt.expr(end)], nice=False)
    return alt.X("difference:Q", scale=scale, axis=axis)


def _ratio_axis(reach: float, end: str) -> alt.X:
    less = [tick for tick in _LESS if tick >= 1 / reach][-2:]
    more = [tick for tick in _MORE if tick <= reach][-2:]
    axis = alt.Axis(
        values=sorted([*less, 1, *more]),
        grid=False,
        title="The others, times as much in a typical case",
        labelExpr=f"datum.value == 1 ? {_SAME.format('1 ×')} : {_INNER} ? ''"
        " : format(datum.value, '~r') + ' ×'",
    )
    scale = alt.Scale(
        type="log", domain=[1 / reach, reach], range=[0, alt.expr(end)], nice=False, clamp=True
    )
    return alt.X("ratio:Q", scale=scale, axis=axis)


def _marks(
    rows: pl.DataFrame, x: alt.X, look: dict[str, Any], columns: tuple[str, str, str], *,
    hollow: bool,
) -> alt.LayerChart:  # fmt: skip
    """A point at the estimate and a line for its interval.

    `hollow`: a point is only filled where there is a difference, as its colour tells the variant.
    """
    _, low, high = columns
    base = alt.Chart(rows).transform_calculate(**_TEXTS).encode(**look)
    line = base.transform_filter(f"isValid(datum.{low})").mark_rule(
        strokeWidth=2 if hollow else 3, strokeCap="round"
    )
    lines = [line.encode(x=alt.X(f"{low}:Q"), x2=f"{high}:Q")] if rows[low].count() else []
    point = base.mark_point(filled=True, size=70 if hollow else 110).encode(x=x)
    if not hollow:
        return alt.LayerChart(layer=[*lines, point])
    ring = base.transform_filter(f"datum.evidence != {SHOWN!r}").mark_point(
        size=60, strokeWidth=2, fill=colour("card")
    )
    return alt.LayerChart(layer=[*lines, point, ring.encode(x=x)])


def _middle(end: str) -> alt.Chart:
    """The line where both sides are the same."""
    one: alt.Chart = (
        alt.Chart(alt.InlineData(values=[{}]))
        .mark_rule(color=colour("faint"), strokeDash=[2, 3])
        .encode(x=alt.value(alt.expr(f"{end} / 2")))
    )
    return one


def _written(rows: pl.DataFrame, look: dict[str, Any], end: str, *, named: bool) -> alt.Chart:
    """What the figures are, right of the plot."""
    name = f"truncate(datum.variant, width < 420 ? {_SHORT} : {_LONG}) + '  ' + " if named else ""
    words: alt.Chart = (
        alt.Chart(rows)
        .transform_calculate(**_TEXTS, said=f"{name}({_SAID})")
        .mark_text(align="left")
        .encode(x=alt.value(alt.expr(f"{end} + 12")), text="said:N", **look)
    )
    # As a text a variant's colour may be too light to read.
    return words.encode(color=alt.value(colour("soft"))) if named else words


def _tooltip(*, several: bool) -> list[alt.Tooltip]:
    return [
        *([alt.Tooltip("variant:N", title="Variant")] if several else []),
        alt.Tooltip("row:N", title="Metric"),
        alt.Tooltip("of_a:N", title="A, mean"),
        alt.Tooltip("of_b:N", title="B, mean"),
        alt.Tooltip("differs:N", title="Difference"),
        alt.Tooltip("times:N", title="Ratio"),
        alt.Tooltip("p:N", title="p"),
        alt.Tooltip("n_cases:Q", title="Cases", format=","),
        alt.Tooltip("method:N", title="Interval"),
        alt.Tooltip("test:N", title="Test"),
    ]


def _value(value: str) -> str:
    return (
        f"(datum.metric == 'pass_rate' ? format({value}, '.1%')"
        f" : datum.metric == 'cost_usd' ? {usd_text(value)}"
        f" : datum.metric == 'agent_ms' ? {duration_text(value)} : {count_text(value)})"
    )


_SIGNED = (
    "(datum.difference < 0 ? '\u2212' : '+') + (datum.metric == 'pass_rate'"
    " ? format(100 * abs(datum.difference), '.1f') + ' points'"
    f" : {_value('abs(datum.difference)')})"
)


def _between(low: str, high: str, form: Callable[[str], str]) -> str:
    """Vega expression: ` (0.8 to 1.2)`; nothing where there is no interval, or no room."""
    return (
        f"(width < 420 || !isValid({low}) ? '' : ' (' + {form(low)} + ' to ' + {form(high)} + ')')"
    )


def _times(ratio: str) -> str:
    small, some = f"{ratio} < 0.1 ? format({ratio}, '.2r')", f"format({ratio}, '.2f')"
    return f"({small} : {ratio} < 100 ? {some} : format({ratio}, ',.0f'))"


def _points(rate: str) -> str:
    return f"format(100 * {rate}, '.1f')"


_POINTS_TEXT = f"{_SIGNED} + {_between('datum.ci_low', 'datum.ci_high', _points)}"
_TIMES_TEXT = (
    f"{_times('datum.ratio')} + ' ×' + {_between('datum.ratio_low', 'datum.ratio_high', _times)}"
)
_TEXTS = {
    "of_a": f"isValid(datum.mean_a) ? {_value('datum.mean_a')} : 'unknown'",
    "of_b": f"isValid(datum.mean_b) ? {_value('datum.mean_b')} : 'unknown'",
    "differs": f"isValid(datum.difference) ? {_SIGNED} : 'unknown'",
    "times": f"isValid(datum.ratio) ? {_TIMES_TEXT} : 'none'",
    "p": "isValid(datum.p_holm) ? format(datum.p_holm, '.2~g') + ' adjusted, '"
    " + format(datum.p_value, '.2~g') + ' alone' : 'none'",
}
_SAID = (
    "!isValid(datum.difference) ? 'unknown' : datum.metric == 'pass_rate'"
    f" ? {_POINTS_TEXT} : isValid(datum.ratio) ? {_TIMES_TEXT} : {_SIGNED}"
)
