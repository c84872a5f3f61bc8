"""What the models read and wrote, by kind of token."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import polars as pl

from ampmetrics.charts.axes import count_axis
from ampmetrics.charts.bars import stacked
from ampmetrics.charts.days import HEIGHT, bounds, columns, days_of, highest
from ampmetrics.charts.frame import (
    Chart,
    colour,
    count_text,
    framed,
    legend,
    nothing,
    number,
    rows_of,
)
from ampmetrics.charts.given import from_frame

__all__ = ["tokens"]

_BY = ("model", "case_id", "run_id", "trial", "session_id", "variant")
_KINDS = {
    "cache_read_tokens": ("input from cache", "cached"),
    "cache_write_tokens": ("input to cache", "cache-write"),
    "uncached_tokens": ("uncached input", "uncached"),
    "unsplit_tokens": ("input, kind unknown", "unjudged"),
    "completion_tokens": ("output", "output"),
    "unkinded_tokens": ("kind unknown", "plain"),
}
_TOLD = ("prompt_tokens", "uncached_tokens", "cache_read_tokens", "cache_write_tokens",
         "completion_tokens", "total_tokens")  # fmt: skip


@from_frame
def tokens(frame: pl.DataFrame) -> Chart:
    """Stacked bars of tokens by kind, from `aggregates.tokens`: a row a model (or what it is by).

    With a variant in the frame and something else beside it, a row has one bar a variant; with a
    day in it a column a day (UTC; a week, month or year where there are many). Tokens whose kind is
    not known stand apart; requests that did not say their tokens or are not visible are counted in
    the subtitle and drawn nowhere: a sum that leaves some out says `at least`, or ≥ above a column.
    Where the kinds come to more than the total that was told, or no total was, it is they that are
    drawn and written, and the subtitle counts such rows.
    """
    title = "Tokens by kind"
    drawn = _with_all_kinds(frame)
    known = drawn.drop_nulls("drawn")
    if known.is_empty():
        return nothing(title, "No request said how many tokens it used.")
    if "day" in frame.columns:
        return _by_day(drawn)
    rows = rows_of(known, _BY, pl.col("drawn").sum(), "row")
    parts = _parts(rows.frame)
    least = bool(rows.frame["least"].any())
    lower = "Sums that leave some out are lower bounds." if drawn["least"].any() else ""
    tints = _tints(parts["kind"])
    chart = stacked(
        rows,
        parts,
        of=alt.Color(
            "kind:N",
            scale=alt.Scale(domain=list(tints), range=list(tints.values())),
            legend=legend(list(tints), symbolType="square"),
        ),
        end="drawn",
        words=f"((datum.least ? 'at least ' : '') + {count_text('datum.drawn')})",
        characters=16 if least else 7,
        named=rows.split,
        tooltip=[
            alt.Tooltip("kind:N", title="Kind"),
            alt.Tooltip("n:Q", title="Tokens", format=","),
            alt.Tooltip("drawn:Q", title="In all", format=","),
            alt.Tooltip("total_tokens:Q", title="Total told", format=","),
        ],
    )
    return framed(
        chart, title, [*_small_print(drawn), lower, rows.cut],
        f"Stacked bars of tokens by kind, {rows.counted}: {_total(drawn)}.",
        rows.height,
    )  # fmt: skip


def _by_day(frame: pl.DataFrame) -> Chart:
    undated = frame["day"].null_count()
    if frame.drop_nulls(["drawn", "day"]).is_empty():
        return nothing("Tokens by day", f"The day of {number(undated, 'row')} is not known.")
    days = days_of(frame, "day")
    place = ["from_ms", "to_ms"]
    parts = (
        _parts(days.frame, place)
        .group_by(*place, pl.col("kind").alias("series"))
        .agg(pl.col("n").sum())
        .sort("from_ms", "series")
    )
    left = f"{number(undated, 'row')} without a day left out." if undated else ""
    if parts.is_empty():
        said = [f"What was told {days.said} is 0.", *_small_print(days.frame), left]
        return nothing(f"Tokens by {days.unit}", " ".join(filter(None, said)))
    chart = columns(
        parts,
        days,
        axis=count_axis(0, highest(parts)),
        tints=list(_tints(parts["series"]).items()),
        tooltip=[
            alt.Tooltip("series:N", title="Kind"), alt.Tooltip("n:Q", title="Tokens", format=",")
        ],
        marks=bounds(days, "drawn", pl.col("least")),
    )  # fmt: skip
    return framed(
        chart,
        f"Tokens by {days.unit}",
        [
            *_small_print(frame),
            f"≥ above a column: a lower bound; ?: no request of that {days.unit} said its tokens."
            if days.frame["least"].any()
            else "",
            f"{days.said[0].upper()}{days.said[1:]}, UTC.",
            left,
        ],
        f"Columns of tokens by {days.unit}, {days.said}: {_total(days.frame)}.",
        HEIGHT,
    )


def _tints(kinds: pl.Series) -> dict[str, str]:
    """The kinds that there are, each with its colour."""
    return {word: colour(shade) for word, shade in _KINDS.values() if (kinds == word).any()}


def _small_print(frame: pl.DataFrame) -> list[str]:
    requests, sums, unknown, hidden = (
        int(frame[name].sum()) for name in ("n_requests", "n_sums", "n_unknown", "n_not_visible")
    )
    told = [number(n, noun) for n, noun in ((requests, "request"), (sums, "sum")) if n]
    more = int((frame["drawn"] > frame["total_tokens"]).sum())
    untold = frame.drop_nulls("drawn")["total_tokens"].null_count()
    return [
        f"Told by {' and '.join(told)}{' of many requests' if sums else ''}.",
        f"{unknown:,} of them did not say theirs." if unknown else "",
        f"{number(hidden, 'call')} with requests that are not visible." if hidden else "",
        f"In {number(more, 'row')} the kinds add up to more than the total told: they are drawn "
        "and summed."
        if more
        else "",
        f"In {number(untold, 'row')} no total was told: the kinds that were are drawn and summed."
        if untold
        else "",
    ]


def _total(frame: pl.DataFrame) -> str:
    least = "at least " if frame["least"].any() else ""
    return f"{least}{int(frame['drawn'].sum()):,} tokens in all"


def _with_all_kinds(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame with the tokens of no kind, what is drawn of all, and whether that is `least`."""
    split = pl.sum_horizontal("uncached_tokens", "cache_read_tokens", "cache_write_tokens")
    unsplit = (pl.col("prompt_tokens") - split).clip(lower_bound=0)
    kinds = pl.sum_horizontal(split, "unsplit_tokens", "completion_tokens")
    total, told = pl.col("total_tokens"), pl.any_horizontal(pl.col(_TOLD).is_not_null())
    return frame.with_columns(unsplit.alias("unsplit_tokens")).with_columns(
        (total - kinds).clip(lower_bound=0).alias("unkinded_tokens"),
        pl.when(told).then(pl.max_horizontal(total, kinds)).alias("drawn"),
        ((pl.sum_horizontal("n_unknown", "n_not_visible") > 0) | total.is_null()).alias("least"),
    )


def _parts(
    rows: pl.DataFrame, keys: Sequence[str] = ("row", "series", "total_tokens", "drawn")
) -> pl.DataFrame:
    """One row a part of a bar; null parts are not there."""
    kinds = list(_KINDS)
    return (
        rows.unpivot(kinds, index=list(keys), variable_name="part", value_name="n")
        .filter(pl.col("n") > 0)
        .select(
            *keys,
            "n",
            pl.col("part").replace_strict({k: _KINDS[k][0] for k in kinds}).alias("kind"),
            pl.col("part").replace_strict({k: i for i, k in enumerate(kinds)}).alias("rank"),
        )
    )
