"""Rows of stacked bars with words at their end: tokens, tool calls and file edits are drawn so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import polars as pl

from ampmetrics.charts.axes import count_axis, room, up_to
from ampmetrics.charts.frame import Chart, Rows, colour, picked

__all__ = ["stacked"]

_CHAR = 6.4
_LONG, _SHORT = 24, 9


def stacked(
    rows: Rows,
    parts: pl.DataFrame,
    *,
    of: alt.Color,
    end: str,
    words: str,
    characters: int,
    low: float = 0,
    named: bool = False,
    tooltip: Sequence[alt.Tooltip] = (),
    written: Mapping[str, str] | None = None,
    axis: alt.Axis | None = None,
    values: alt.Axis | None = None,
) -> Chart:
    """Bars of `parts` (columns row, series, n, rank) below zero and above, and words at their end.

    `of` colours a part; `end` is the column of `rows` where a bar ends and its words begin: the
    Vega expression `words`, of about so many characters. `named` writes the series before them.
    `written`: texts of the tooltip, each a Vega expression. `axis` is that of the rows, `values`
    that of the bars; without it they are counts.
    """
    high = float(rows.frame[end].max() or 0) or 1.0  # type: ignore[arg-type]
    name = max((len(each) for each in rows.series), default=0) + 2 if named else 0
    scale = room(
        low,
        high,
        (characters + min(name, _LONG + 2)) * _CHAR + 12,
        (characters + min(name, _SHORT + 2)) * _CHAR + 12,
    )
    values = up_to(values, high) if values is not None else count_axis(low, high)
    x = alt.X("n:Q", title=None, stack="zero", scale=scale, axis=values)
    encoding = {**rows.encoding}
    if axis is not None:
        encoding["y"] = encoding["y"].axis(axis)
    bar = (
        alt.Chart(parts)
        .transform_calculate(**(written or {}))
        .mark_bar(height=12 if rows.split else 14, cornerRadius=0)
        .encode(x=x, color=of, order="rank:Q", tooltip=[*rows.tooltip, *tooltip], **encoding)
    )
    if of["legend"] is not None:
        choice, faded = picked(str(of["shorthand"]).partition(":")[0], of["scale"]["domain"])
        bar = bar.encode(opacity=faded).add_params(choice)
    series = f"truncate(datum.series, width < 420 ? {_SHORT} : {_LONG}) + '  ' + " if named else ""
    needed = [c for c in rows.frame.columns if c in ("row", "series", end) or c in words]
    text = (
        alt.Chart(rows.frame.select(needed))
        .transform_calculate(words=series + words, end=f"datum[{end!r}] || 0")
        .mark_text(align="left", dx=6, color=colour("soft"))
        .encode(x=alt.X("end:Q"), text="words:N", **encoding)
    )
    return alt.LayerChart(layer=[bar, text])
