"""When agents were used: sessions and iterations by day."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.axes import count_axis
from ampmetrics.charts.days import HEIGHT, columns, days_of, highest, tints_of, top_series
from ampmetrics.charts.frame import Chart, colour, framed, nothing, number
from ampmetrics.charts.given import from_frame

__all__ = ["iterations", "sessions"]

_STATUSES = (
    ("success", "passed"),
    ("failed", "failed"),
    ("timeout", "timeout"),
    ("cancelled", "unjudged"),
    ("not told", "plain"),
    ("no end", "faint"),
)


@from_frame
def sessions(frame: pl.DataFrame) -> Chart:
    """Columns of sessions by the day of their start (UTC), from `aggregates.sessions`, by agent.

    With many days a column is a week, a month or a year. Hovering tells cost and tokens too, at
    least. A session whose start is not known is in no column but counted in the subtitle.
    """
    named = top_series(frame, "agent", pl.len())
    return _by_day(named, "session", "Agent", None)


@from_frame
def iterations(frame: pl.DataFrame) -> Chart:
    """Columns of iterations by the day of their start (UTC), from `aggregates.iterations`.

    A column is stacked by status; else as in `sessions`. An iteration that never ended has `no
    end`, and `not told` is how one ended whose end has no status.
    """
    ended = pl.col("ended_at").is_not_null()
    untold = pl.when(ended).then(pl.lit("not told")).otherwise(pl.lit("no end"))
    status = pl.col("status").fill_null(untold)
    known = [word for word, _ in _STATUSES]
    # A status of another tool or time is one all the same.
    word = pl.when(status.is_in(known)).then(status).otherwise(pl.lit("failed"))
    return _by_day(frame.with_columns(word.alias("series")), "iteration", "Status", dict(_STATUSES))


def _by_day(frame: pl.DataFrame, noun: str, title: str, shades: dict[str, str] | None) -> Chart:
    undated = frame["started_at"].null_count()
    if undated == frame.height:
        why = f"The start of {number(undated, noun)} is not known."
        return nothing(f"{noun.capitalize()}s", why if undated else f"There are no {noun}s.")
    days = days_of(frame.with_columns(pl.col("started_at").dt.date().alias("day")), "day")
    parts = (
        days.frame.group_by("from_ms", "to_ms", "series")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            *[pl.when(pl.col(name).count() > 0).then(pl.col(name).sum()).alias(name)
              for name in ("cost_usd", "total_tokens")],
        )
        .sort("from_ms", "series")
    )  # fmt: skip
    there = set(parts["series"])
    tints = (
        # Only for agents: what is named there has used a colour up.
        tints_of(parts, "agent")
        if shades is None
        else [(word, colour(shade)) for word, shade in shades.items() if word in there]
    )
    chart = columns(
        parts,
        days,
        axis=count_axis(0, highest(parts)),
        tints=tints,
        tooltip=[
            alt.Tooltip("series:N", title=title),
            alt.Tooltip("n:Q", title=f"{noun.capitalize()}s", format=","),
            alt.Tooltip("cost_usd:Q", title="Known cost, USD", format=",.4f"),
            alt.Tooltip("total_tokens:Q", title="Known tokens", format=","),
        ],
    )
    said = ", ".join(f"{n:,} {word}" for word, n in _totals(parts))
    return framed(
        chart,
        f"{noun.capitalize()}s by {days.unit}",
        [
            f"{number(days.frame.height, noun)} {days.said}, UTC.",
            f"{number(undated, noun)} without a start left out." if undated else "",
        ],
        f"Columns of {noun}s by {days.unit}, {days.said}: {said}.",
        HEIGHT,
    )


def _totals(parts: pl.DataFrame) -> list[tuple[str, int]]:
    counts = parts.group_by("series").agg(pl.col("n").sum())
    return counts.sort("n", "series", descending=[True, False]).rows()
