"""Rows of stacked bars with words at their end: tokens, tool calls and file edits are drawn so."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from ampmetrics.charts.axes import count_axis, room
from ampmetrics.charts.frame import Chart, Rows, colour

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
    axis: alt.Axis | None = None,
) -> Chart:
    """Bars of `parts` (columns row, series, n, rank) below zero and above, and words at their end.

    `of` colours a part; `end` is the column of `rows` where a bar ends and its words begin: the
    Vega expression `words`, of about so many characters. `named` writes the series before them.
    """
    high = float(rows.frame[end].max() or 0) or 1.0  # type: ignore[arg-type]
    name = max((len(each) for each in rows.series), default=0) + 2 if named else 0
    scale = room(
        low,
        high,
        (characters + min(name, _LONG + 2)) * _CHAR + 12,
        (characters + min(name, _SHORT + 2)) * _CHAR + 12,
    )
    x = alt.X("n:Q", title=None, stack="zero", scale=scale, axis=count_axis(low, high))
    encoding = {**rows.encoding}
    if axis is not None:
        encoding["y"] = encoding["y"].axis(axis)
    bar = (
        alt.Chart(parts)
        .mark_bar(height=12 if rows.split else 14, cornerRadius=0)
        .encode(x=x, color=of, order="rank:Q", tooltip=[*rows.tooltip, *tooltip], **encoding)
    )
    series = f"truncate(datum.series, width < 420 ? {_SHORT} : {_LONG}) + '  ' + " if named else ""
    needed = [c for c in rows.frame.columns if c in ("row", "series", end) or c in words]
    text = (
        alt.Chart(rows.frame.select(needed))
        .transform_calculate(words=series + words, end=f"datum[{end!r}] || 0")
        .mark_text(align="left", dx=6, color=colour("soft"))
        .encode(x=alt.X("end:Q"), text="words:N", **encoding)
    )
    return alt.LayerChart(layer=[bar, text])
