"""What every chart shares: its rows and series, words for numbers, its title and small print."""

from __future__ import annotations

import json
from collections.abc import Sequence
from textwrap import wrap
from typing import Any, NamedTuple
from zlib import crc32

import altair as alt
import polars as pl

from ampmetrics.theme import SHADES, WIDTH, variant_colours

__all__ = [
    "UNNAMED",
    "Chart",
    "Rows",
    "colour",
    "cost_text",
    "count_text",
    "drawn_of",
    "duration_text",
    "framed",
    "legend",
    "listed",
    "names_of",
    "nothing",
    "number",
    "ordered",
    "picked",
    "quoted",
    "rows_of",
    "usd_text",
    "variant_scale",
]

UNNAMED = "not named"
"""Shown where a name is null."""
MAX_ROWS = 30
MAX_LISTED = 12
"""Rows of which the alternative text tells the figures."""
MAX_HEIGHT = 850
"""Of its rows, px: what fits on a sheet of paper."""

_GAP = 11
"""Between two rows, px."""

_PLOT = 530
"""Width of a plot on a sheet of paper, without the words beside its axis, px."""

_LINE = 108
"""Characters of a line of small print."""

Chart = alt.Chart | alt.LayerChart


_LABELS = {
    "agent": "Agent",
    "case_id": "Case",
    "extension": "File's ending",
    "model": "Model",
    "operation": "Operation",
    "outcome": "Outcome",
    "path": "File",
    "reason": "Reason",
    "run_id": "Run",
    "session_id": "Session",
    "tool_name": "Tool",
    "trial": "Trial",
    "variant": "Variant",
}


class Rows(NamedTuple):
    """A frame cut to the rows that are drawn, each with the text columns `row` and `series`."""

    frame: pl.DataFrame
    names: list[str]
    """what `row` holds, in the order drawn"""
    series: list[str]
    split: bool
    """whether a row has one bar a series; else row and series are the same"""
    label: str
    """what a row is: `Case`, `Tool`"""
    cut: str
    """a sentence on the rows left out, or nothing"""
    n_left: int
    """rows left out"""
    n_unranked: int
    """of these, those whose rank is not known"""

    @property
    def counted(self) -> str:
        """`8 rows`, or `30 of 45 rows` where some are left out."""
        return drawn_of(len(self.names), len(self.names) + self.n_left, "row")

    @property
    def in_all(self) -> str:
        """What stands behind a sum of all rows where some are left out."""
        return " in all" if self.n_left else ""

    def left(self, claim: str) -> str:
        """Of the rows left out the claim, but for those whose rank, a pass rate, is not known."""
        if not self.n_left:
            return ""
        if self.n_left == self.n_unranked:
            return "Of those left out no rate is known."
        but = f", but for {self.n_unranked:,} whose rate is not known" if self.n_unranked else ""
        return f"Those left out {claim}{but}."

    @property
    def encoding(self) -> dict[str, Any]:
        """Where a bar lies: its row, and its series within."""
        step = _step(self.series, split=self.split)
        y = alt.Y("row:N", title=None, scale=ordered(self.names, paddingInner=_GAP / step))
        if not self.split:
            return {"y": y}
        return {"y": y, "yOffset": alt.YOffset("series:N", scale=ordered(self.series))}

    @property
    def tooltip(self) -> list[alt.Tooltip]:
        """What names a bar."""
        series = [alt.Tooltip("series:N", title="Variant")] if self.split else []
        return [alt.Tooltip("row:N", title=self.label), *series]

    @property
    def height(self) -> int:
        """Height that gives every bar the same thickness."""
        return len(self.names) * _step(self.series, split=self.split)


def rows_of(frame: pl.DataFrame, by: Sequence[str], rank: pl.Expr, noun: str) -> Rows:
    """The rows of a frame, highest rank first and null last, as many as a page can show.

    The variant is the series where another column of `by` can be the row; alone it is both.
    """
    present = [column for column in by if column in frame.columns]
    others = [column for column in present if column != "variant"]
    split = "variant" in present and bool(others)
    named = frame.with_columns(
        _text(others or present).alias("row"),
        _text(["variant"] if split else present).alias("series"),
    )
    ranked = (
        named.group_by("row")
        .agg(rank.alias("rank"))
        .sort("rank", "row", descending=[True, False], nulls_last=True)
    )
    names = ranked["row"].to_list()
    series = names_of(named, "series")
    kept = names[: max(5, min(MAX_ROWS, MAX_HEIGHT // _step(series, split=split)))]
    more = len(names) - len(kept)
    return Rows(
        frame=named.filter(pl.col("row").is_in(kept)),
        names=kept,
        series=series,
        split=split,
        label=" · ".join(_LABELS.get(column, column) for column in others or present) or "Row",
        cut=f"The first {len(kept)} of {number(len(names), noun)} are drawn." if more else "",
        n_left=more,
        n_unranked=ranked["rank"].tail(more).null_count(),
    )


def _step(series: Sequence[str], *, split: bool) -> int:
    """From one row to the next, px."""
    return (len(series) * 15 if split else 17) + _GAP


def _text(columns: Sequence[str]) -> pl.Expr:
    parts = [pl.col(column).cast(pl.String).fill_null(UNNAMED) for column in columns]
    return pl.concat_str(parts, separator=" · ") if parts else pl.lit("all")


def names_of(frame: pl.DataFrame, column: str) -> list[str]:
    """Names in a column, sorted, without null."""
    return sorted(frame[column].drop_nulls().unique().to_list())


def framed(
    chart: Chart, title: str, small: Sequence[str], description: str, height: float
) -> Chart:
    """The chart with its title, its sentences of small print, its alternative text and its size."""
    # Vega does not break lines: a long one would make the chart as wide.
    lines = [part for line in small for part in wrap(line, _LINE)]
    return chart.properties(
        title=alt.TitleParams(text=title, subtitle=lines, limit=WIDTH),
        description=description,
        width=WIDTH,
        height=height,
    )


def nothing(title: str, reason: str) -> Chart:
    """A chart that says why there is nothing to draw."""
    note = (
        alt.Chart(alt.InlineData(values=[{"reason": reason}]))
        .mark_text(align="left", baseline="middle", fontSize=13, color=colour("soft"))
        .encode(text="reason:N", x=alt.value(0))
    )
    return framed(note, title, [], f"{title}: {reason}", 30)


def colour(name: str) -> str:
    """A colour of the theme, in its light twin."""
    return SHADES[name].light


def variant_scale(names: Sequence[str], extra: Sequence[tuple[str, str]] = ()) -> alt.Scale:
    """Colours of these variants, then of the extra words, in the order of the legend."""
    colours = list(variant_colours(names).values())
    return alt.Scale(
        domain=[*names, *[word for word, _ in extra]],
        range=[*colours, *[colour(name) for _, name in extra]],
    )


def ordered(names: Sequence[str], **options: Any) -> alt.Scale:
    """A scale of names in this order.

    Not an encoding's `sort`: Vega-Lite makes an expression of that, and a line separator in a name
    ends it.
    """
    return alt.Scale(domain=list(names), **options)


def legend(words: Sequence[str], **options: Any) -> alt.Legend:
    """A legend above the chart, in as many columns as its words have room for."""
    # Not by the width alone: what its axis takes of that on a page is only known when there is no
    # more room for other lines.
    widths = [min(170, 7 * len(word)) + 40 for word in words]
    widest = max(widths, default=1)
    columns = len(words) if sum(widths) <= _PLOT else max(1, _PLOT // widest)
    narrow = max(1, min(columns, 235 // widest))
    small = "containerSize()[0] < 640 || width < 420"
    return alt.Legend(columns=alt.expr(f"{small} ? {narrow} : {columns}"), **options)


def picked(field: str, words: Sequence[str]) -> tuple[alt.Parameter, Any]:
    """What a click on the legend of this field picks, and the opacity of what is and is not.

    It belongs to the first layer that is in the legend: a click is heard by no other. Charts that
    stand beside one another share it where their legends have the same words.
    """
    # Named, so that the same frame gives the same chart.
    name = f"picked_{field}_{crc32(quoted(words).encode()):08x}"
    choice = alt.selection_point(name=name, fields=[field], bind="legend", toggle="true")
    return choice, alt.condition(choice, alt.value(1), alt.value(0.15))


def number(n: int, noun: str) -> str:
    """`1 trial`, `12 trials`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def drawn_of(n: int, of: int, noun: str) -> str:
    """`12 trials`, or `12 of 60 trials` where not all are drawn."""
    return f"{n:,} of {number(of, noun)}" if n < of else number(of, noun)


def listed(texts: Sequence[str]) -> str:
    """The first of them, and how many more there are, for the alternative text."""
    more = len(texts) - MAX_LISTED
    return "; ".join(texts[:MAX_LISTED]) + (f"; and {more:,} more" if more > 0 else "")


def quoted(values: Sequence[str]) -> str:
    """An array literal of a Vega expression."""
    return json.dumps(list(values))


def duration_text(ms: str) -> str:
    """Vega expression: milliseconds → `240 ms`, `1.2 s`, `1 m 04 s`, `1 h 02 m`, or `unknown`."""
    seconds, minutes = f"floor({ms}/1000 + 0.5)", f"floor({ms}/60000 + 0.5)"
    return _unless_null(
        ms,
        f"{ms} < 999.5 ? format({ms}, '.0f') + ' ms'"
        f" : {ms} < 9950 ? format({ms}/1000, '.1f') + ' s'"
        f" : {ms} < 59500 ? format({ms}/1000, '.0f') + ' s'"
        f" : {ms} < 3599500 ? floor({seconds}/60) + ' m ' + format({seconds}%60, '02d') + ' s'"
        f" : format(floor({minutes}/60), ',') + ' h ' + format({minutes}%60, '02d') + ' m'",
    )


def usd_text(usd: str) -> str:
    """Vega expression: dollars → `$0.0123`, `$12.30`, or `unknown`."""
    return _unless_null(
        usd,
        f"{usd} > 0 && {usd} < 0.00005 ? '<$0.0001'"
        f" : {usd} > 0 && {usd} < 0.99995 ? '$' + format({usd}, '.4f')"
        f" : '$' + format({usd}, ',.2f')",
    )


def cost_text(usd: str, at_least: str) -> str:
    """Vega expression: dollars, with `at least` before what is a lower bound."""
    return f"({at_least} && isValid({usd}) ? 'at least ' : '') + {usd_text(usd)}"


def count_text(n: str) -> str:
    """Vega expression: a count → `9,999`, `12.3 k`, `4.56 M`, or `unknown`."""
    steps = [
        f"{n} < {below} ? format({n}/{scale}, '.{digits}f') + ' {unit}'"
        for scale, unit in (("1e3", "k"), ("1e6", "M"))
        for below, digits in ((f"9.995*{scale}", 2), (f"99.95*{scale}", 1), (f"999.5*{scale}", 0))
    ]
    few, many = f"{n} < 9999.5 ? format({n}, ',.0f')", f"format({n}/1e9, ',.2f') + ' G'"
    return _unless_null(n, " : ".join([few, *steps, many]))


def _unless_null(value: str, text: str) -> str:
    return f"(isValid({value}) ? ({text}) : 'unknown')"
