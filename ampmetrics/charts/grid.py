"""Every trial as one tile: its outcome by sign, word and colour, and the agent's time."""

from __future__ import annotations

from itertools import accumulate
from typing import NamedTuple

import altair as alt
import polars as pl

from ampmetrics.charts.frame import (
    UNNAMED,
    Chart,
    colour,
    cost_text,
    drawn_of,
    duration_text,
    framed,
    legend,
    names_of,
    nothing,
    number,
    ordered,
    picked,
    quoted,
)
from ampmetrics.charts.given import from_frame
from ampmetrics.theme import OUTCOMES, UNFINISHED, Look, outcome_look

__all__ = ["outcomes"]

_MEASURES = ("agent_ms", "cost_usd", "cost_at_least")
_MAX_CASES = 60
_MAX_ACROSS = 80
_GAP = 0.026
"""Between two variants, as a share of the grid's tiles across: as wide for few as for many."""
_SEAM = 0.007
"""Between two tiles, likewise."""


class _Grid(NamedTuple):
    """Tiles with their place, `left` to `right`, in tiles."""

    tiles: pl.DataFrame
    cases: list[str]
    left: list[float | None]
    """pass rates of the cases left out"""
    starts: dict[str, float]
    """variant → left end of its block"""
    width: float
    gap: float


@from_frame
def outcomes(trials: pl.DataFrame) -> Chart:
    """Grid of one tile a trial, from `aggregates.trials`: a row a case, a block of tiles a variant.

    A null outcome is a trial that never ended. Cases that pass least often stand first, those
    without a verdict last; trials of several runs that share a case and variant stand side by side.
    """
    title = "Every trial"
    if trials.is_empty():
        return nothing(title, "There are no trials.")
    grid = _grid(trials)
    left_out = trials.height - grid.tiles.height
    unfinished, untimed = trials["outcome"].null_count(), trials["agent_ms"].null_count()
    cases, variants = len(grid.cases) + len(grid.left), trials["variant"].n_unique()
    return framed(
        _drawn(grid),
        title,
        [
            f"One tile a trial, with the agent's own time: {number(trials.height, 'trial')} of "
            f"{number(cases, 'case')}.",
            "Cases that pass least often stand first.",
            f"{number(unfinished, 'trial')} never ended." if unfinished else "",
            f"The time of {number(untimed, 'trial')} is unknown." if untimed else "",
            f"{number(left_out, 'trial')} of {trials.height:,} left out for want of room"
            f"{_among(grid.left)}."
            if left_out
            else "",
        ],
        f"Grid of {drawn_of(grid.tiles.height, trials.height, 'trial')}, "
        f"{drawn_of(len(grid.cases), cases, 'case')} by "
        f"{drawn_of(len(grid.starts), variants, 'variant')}: {_counts(trials)}"
        f"{' in all' * bool(left_out)}.",
        len(grid.cases) * (27 if len(grid.cases) <= 30 else 21),
    )


def _among(rates: list[float | None]) -> str:
    """Which cases are left out altogether."""
    unknown = rates.count(None)
    told = [
        f"{number(n, 'case')} {which}"
        for n, which in (
            (len(rates) - unknown, "that passed at least as often"),
            (unknown, "without a verdict"),
        )
        if n
    ]
    return f", among them all of {' and of '.join(told)}" if told else ""


def _grid(trials: pl.DataFrame) -> _Grid:
    names = [pl.col(name).cast(pl.String).fill_null(UNNAMED) for name in ("case_id", "variant")]
    tiles = (
        trials.select("run_id", *names, "trial", "outcome", "success", "reason", *_MEASURES)
        .sort("run_id", "case_id", "variant", "trial", nulls_last=True)
        .with_columns(pl.int_range(pl.len()).over("case_id", "variant").alias("slot"))
    )
    rates = tiles.group_by("case_id").agg(pl.col("success").mean().alias("rate"))
    # Were those that pass least often last, they would be what is cut.
    ranked = rates.sort("rate", "case_id", nulls_last=True)
    cases = ranked["case_id"].to_list()[:_MAX_CASES]
    rest = ranked["rate"].to_list()[_MAX_CASES:]
    variants = names_of(tiles, "variant")[:_MAX_ACROSS]
    shown = tiles.filter(
        pl.col("case_id").is_in(cases)
        & pl.col("variant").is_in(variants)
        & (pl.col("slot") < max(1, _MAX_ACROSS // len(variants)))
    )
    widest = dict(
        shown.group_by("variant").agg(pl.col("slot").max() + 1).sort("variant").iter_rows()
    )
    gap = sum(widest.values()) * _GAP
    starts = _starts(widest, gap)
    width = sum(widest.values()) + gap * (len(widest) - 1)
    left = pl.col("variant").replace_strict(starts, return_dtype=pl.Float64) + pl.col("slot")
    return _Grid(shown.with_columns(left.alias("left")), cases, rest, starts, width, gap)


def _starts(widest: dict[str, int], gap: float) -> dict[str, float]:
    """Where each variant's block begins."""
    ends = accumulate(n + gap for n in widest.values())
    return dict(zip(widest, [0.0, *ends], strict=False))


def _drawn(grid: _Grid) -> alt.LayerChart:
    looks = _looks(grid.tiles)
    seam = min(0.12, grid.width * _SEAM)
    words = [f"{look.glyph} {look.word}" for look in looks]
    x = alt.X("left:Q", scale=alt.Scale(domain=[0, grid.width], nice=False), axis=_variants(grid))
    y = alt.Y("case_id:N", title=None, scale=ordered(grid.cases, paddingInner=0.16))
    choice, faded = picked("label", words)
    base = (
        alt.Chart(_data(grid.tiles))
        .encode(y=y, opacity=faded, tooltip=_tooltip())
        .transform_calculate(
            right=f"datum.left + {1 - seam!r}",
            middle=f"datum.left + {(1 - seam) / 2!r}",
            why="datum.reason || '–'",
            time=duration_text("datum.agent_ms"),
            cost=cost_text("datum.cost_usd", "datum.cost_at_least"),
        )
    )
    key = legend(words, symbolType="square", symbolStrokeWidth=1)
    tile = base.mark_rect(cornerRadius=3, strokeWidth=1).encode(
        x=x,
        x2="right:Q",
        fill=alt.Fill("label:N", legend=key, scale=_scale(words, [look.fill for look in looks])),
        stroke=alt.Stroke("label:N", legend=key, scale=_scale(words, [k.colour for k in looks])),
    )
    # As much as fits on a tile: sign and time, the sign, nothing.
    wide = f"width / {grid.width!r}"
    said = f"{wide} > 58 ? datum.glyph + ' ' + datum.time : {wide} > 12 ? datum.glyph : ''"
    text = base.mark_text(fontSize=10.5, text=alt.expr(said)).encode(
        x=alt.X("middle:Q"), color=alt.Color("ink:N", scale=None)
    )
    return alt.LayerChart(layer=[tile.add_params(choice), text])


def _variants(grid: _Grid) -> alt.Axis:
    """Names of the variants above their blocks."""
    starts = list(grid.starts.values())
    ends = [*[start - grid.gap for start in starts[1:]], grid.width]
    narrowest = min(end - start for start, end in zip(starts, ends, strict=True))
    return alt.Axis(
        orient="top",
        title=None,
        grid=False,
        values=starts,
        labelExpr=f"{quoted(list(grid.starts))}[indexof({starts}, datum.value)]",
        labelAlign="left",
        labelColor=colour("ink"),
        labelFontWeight=600,
        labelFontSize=12,
        labelLimit=alt.expr(f"max(20, width * {narrowest / grid.width!r})"),
        labelOverlap=False,
    )


def _looks(tiles: pl.DataFrame) -> list[Look]:
    """Looks of the outcomes that are there, the known ones first and in their order."""
    found = tiles["outcome"].unique().to_list()
    others = sorted(outcome for outcome in found if outcome not in OUTCOMES and outcome is not None)
    looks = [outcome_look(outcome) for outcome in [*OUTCOMES, *others] if outcome in found]
    return [*looks, UNFINISHED] if None in found else looks


def _scale(words: list[str], shades: list[str]) -> alt.Scale:
    return alt.Scale(domain=words, range=[colour(shade) for shade in shades])


def _data(tiles: pl.DataFrame) -> pl.DataFrame:
    looks = {outcome: outcome_look(outcome) for outcome in tiles["outcome"].unique()}

    def said(texts: dict[str | None, str]) -> pl.Expr:
        return pl.col("outcome").replace_strict(texts, return_dtype=pl.String)

    return tiles.select(
        "left",
        "case_id",
        "variant",
        "trial",
        pl.col("reason").str.slice(0, 160),
        *_MEASURES,
        said({k: look.word for k, look in looks.items()}).alias("word"),
        said({k: look.glyph for k, look in looks.items()}).alias("glyph"),
        said({k: f"{look.glyph} {look.word}" for k, look in looks.items()}).alias("label"),
        said({k: colour(look.text) for k, look in looks.items()}).alias("ink"),
    )


def _tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("case_id:N", title="Case"),
        alt.Tooltip("variant:N", title="Variant"),
        alt.Tooltip("trial:Q", title="Trial"),
        alt.Tooltip("word:N", title="Outcome"),
        alt.Tooltip("why:N", title="Why"),
        alt.Tooltip("time:N", title="Agent's time"),
        alt.Tooltip("cost:N", title="Cost"),
    ]


def _counts(trials: pl.DataFrame) -> str:
    counts = trials.group_by("outcome").len().sort("outcome", nulls_last=True).iter_rows()
    return ", ".join(f"{n:,} {outcome_look(outcome).word}" for outcome, n in counts)
