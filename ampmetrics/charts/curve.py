"""How many cases and repeats it takes to see a difference."""

from __future__ import annotations

import math
from typing import Any

import altair as alt
import polars as pl

from ampmetrics.charts.frame import (
    Chart,
    colour,
    count_text,
    duration_text,
    framed,
    nothing,
    number,
    usd_text,
)
from ampmetrics.charts.given import from_frame

__all__ = ["power_curve"]

_OF = {
    "pass_rate": "the pass rate",
    "cost_usd": "cost",
    "agent_ms": "the agent's time",
    "total_tokens": "tokens",
}
_HEIGHT = 300
_CASES = (5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)


@from_frame
def power_curve(frame: pl.DataFrame) -> Chart:
    """A line a number of trials: the smallest difference found, from `aggregates.power_curve`.

    Both axes are logarithmic. A ring is the design that was run. Numbers of cases with which no
    difference is found have no point.
    """
    title = "How small a difference can be seen"
    known = frame.drop_nulls("smallest_difference")
    if known.is_empty():
        why = "The cases do not differ, or are too few." if frame.height else "There are no pairs."
        return nothing(title, f"No difference can be found. {why}")
    metric, power, confidence = known.select("metric", "power", "confidence").row(0)
    ran = frame.filter("is_design")
    cases, trials = ran.select("n_cases", "n_trials").row(0) if ran.height else (0, 0)
    said = (
        f"What was run: {number(cases, 'case')}, {number(trials, 'trial')} of each and side."
        if cases
        else ""
    )
    return framed(
        _drawn(known, str(metric)),
        title,
        [
            f"Smallest true difference of {_OF.get(metric, metric)} found {power:.0%} of the time "
            f"at {confidence:.6g} confidence, for cases like these.",
            f"{said} Ring: what it could see with the spread it had."
            if ran["smallest_difference"].count()
            else said,
            "One line only: with one trial a case nobody can tell what repeats would bring."
            if known.filter(~pl.col("is_design"))["n_trials"].n_unique() == 1
            else "",
        ],
        f"Lines of the smallest difference against the number of cases, "
        f"{number(known['n_trials'].n_unique(), 'number')} of trials. {said}",
        _HEIGHT,
    )


def _drawn(known: pl.DataFrame, metric: str) -> alt.LayerChart:
    lines, design = known.filter(~pl.col("is_design")), known.filter("is_design")
    many = lines["n_trials"].unique().sort().to_list()
    # One hue: the more repeats, the stronger.
    strength = alt.Scale(domain=many, range=[0.45, 1] if len(many) > 1 else [1, 1])
    base = (
        alt.Chart(lines.select("n_cases", "n_trials", "smallest_difference"))
        .transform_calculate(**_texts(metric))
        .encode(
            x=_cases(known),
            y=_differences(known, metric),
            detail="n_trials:N",
            opacity=alt.Opacity("n_trials:O", scale=strength, legend=None),
            tooltip=_tooltip(),
        )
    )
    line = base.mark_line(strokeWidth=2, color=colour("plain"))
    points = base.mark_point(size=26, filled=True, color=colour("plain"))
    last = lines.sort("n_cases").group_by("n_trials", maintain_order=True).last()
    names = (
        alt.Chart(last.select("n_cases", "n_trials", "smallest_difference"))
        .transform_calculate(said="datum.n_trials + (datum.n_trials == 1 ? ' trial' : ' trials')")
        .mark_text(align="left", dx=8, color=colour("soft"))
        .encode(x="n_cases:Q", y="smallest_difference:Q", text="said:N")
    )
    ran = alt.Chart(design.select("n_cases", "n_trials", "smallest_difference"))
    ran = ran.transform_calculate(**_texts(metric)).encode(
        x="n_cases:Q", y="smallest_difference:Q", tooltip=_tooltip()
    )
    ring = ran.mark_point(size=170, strokeWidth=2.5, color=colour("ink"))
    words: dict[str, Any] = {"align": "left", "dx": 13, "dy": -9, "fontWeight": 600, "fontSize": 12}
    halo = ran.mark_text(**words, stroke=colour("card"), strokeWidth=5).encode(text="found:N")
    found = ran.mark_text(**words, color=colour("ink")).encode(text="found:N")
    marked = [ring, halo, found] if design.height else []
    return alt.LayerChart(layer=[line, points, names, *marked])


def _cases(known: pl.DataFrame) -> alt.X:
    low, high = int(known["n_cases"].min()), int(known["n_cases"].max())  # type: ignore[arg-type]
    scale = alt.Scale(
        type="log",
        domain=[low * 0.92, max(high, low + 1)],
        range=[0, alt.expr("width - 62")],
        nice=False,
    )
    ticks = [n for n in _CASES if low <= n <= high]
    axis = alt.Axis(values=ticks, format=",", grid=False, labelOverlap=True)
    return alt.X("n_cases:Q", title="Cases", scale=scale, axis=axis)


def _differences(known: pl.DataFrame, metric: str) -> alt.Y:
    low, high = (float(getattr(known["smallest_difference"], f)()) for f in ("min", "max"))
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 2, 5)]
    ticks = [tick for tick in ticks if low <= tick <= high]
    axis = alt.Axis(values=ticks, labelExpr=_form(metric, "datum.value"))
    scale = alt.Scale(type="log", domain=[low * 0.9, high * 1.1], nice=False)
    return alt.Y("smallest_difference:Q", title=None, scale=scale, axis=axis)


def _form(metric: str, value: str) -> str:
    """Vega expression: a difference in the metric's unit."""
    if metric == "pass_rate":
        return f"format(100 * {value}, '.2~r') + ' points'"
    text = {"cost_usd": usd_text, "agent_ms": duration_text}.get(metric, count_text)
    return text(value)


def _texts(metric: str) -> dict[str, str]:
    return {"found": _form(metric, "datum.smallest_difference")}


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("n_cases:Q", title="Cases", format=","),
        alt.Tooltip("n_trials:Q", title="Trials of each"),
        alt.Tooltip("found:N", title="Smallest difference"),
    ]
