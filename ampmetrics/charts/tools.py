"""Which tools were called, and how often they failed."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.bars import stacked
from ampmetrics.charts.frame import Chart, framed, legend, nothing, number, rows_of, variant_scale
from ampmetrics.charts.given import from_frame

__all__ = ["tool_usage"]

_BY = ("tool_name", "case_id", "run_id", "trial", "session_id", "variant")
_SUCCEEDED, _FAILED, _UNKNOWN = "succeeded", "failed calls", "not known"


@from_frame
def tool_usage(frame: pl.DataFrame) -> Chart:
    """Stacked bars of calls, from `aggregates.tool_usage`: a row a tool, one bar a variant in it.

    A bar is what succeeded, what failed and what is not known; beside it stand the number of calls
    and the share failed of those where it is known.
    """
    title = "Calls, and how many failed"
    if frame.is_empty():
        return nothing(title, "No tool was called.")
    rows = rows_of(frame, _BY, pl.col("n_calls").sum(), "tool")
    variants = "variant" in frame.columns
    parts = _parts(rows.frame, variants)
    named = rows.series if variants else []
    # Not by `variant_colours`: a word that is no variant must not use one up.
    words = [(_FAILED, "failed-calls"), (_UNKNOWN, "unjudged")]
    words = words if variants else [(_SUCCEEDED, "plain"), *words]
    extra = [(word, shade) for word, shade in words if (parts["part"] == word).any()]
    chart = stacked(
        rows,
        parts,
        of=alt.Color(
            "part:N",
            scale=variant_scale(named, extra),
            legend=legend([*named, *[word for word, _ in extra]]),
        ),
        end="n_calls",
        words=_WORDS,
        characters=18,
        tooltip=[
            alt.Tooltip("n_calls:Q", title="Calls", format=","),
            alt.Tooltip("n_failed:Q", title="Failed", format=","),
            alt.Tooltip("n_unknown:Q", title="Not known", format=","),
        ],
    )
    calls, failed, unknown = (
        int(frame[name].sum()) for name in ("n_calls", "n_failed", "n_unknown")
    )
    return framed(
        chart,
        title,
        [
            f"{number(calls, 'call')}; of the {calls - unknown:,} whose result is known "
            f"{failed:,} failed.",
            f"Of {number(unknown, 'call')} the result is not known." if unknown else "",
            rows.cut,
        ],
        f"Stacked bars of tool calls, {rows.counted}: {number(calls, 'call')}, "
        f"{failed:,} failed{rows.in_all}.",
        rows.height,
    )


_WORDS = (
    "(format(datum.n_calls, ',') + (datum.n_calls == datum.n_unknown ? ' · not known'"
    " : datum.n_failed == 0 ? ''"
    " : ' · ' + format(datum.n_failed / (datum.n_calls - datum.n_unknown), '.1%') + ' failed'))"
)


def _parts(rows: pl.DataFrame, variants: bool) -> pl.DataFrame:
    """One row a part of a bar that is not empty."""
    succeeded = pl.col("series") if variants else pl.lit(_SUCCEEDED)
    parts = (
        ("n_succeeded", succeeded),
        ("n_failed", pl.lit(_FAILED)),
        ("n_unknown", pl.lit(_UNKNOWN)),
    )
    columns = ["row", "series", "n_calls", "n_failed", "n_unknown"]
    return pl.concat(
        rows.filter(pl.col(count) > 0).select(
            *columns, pl.col(count).alias("n"), word.alias("part"), pl.lit(rank).alias("rank")
        )
        for rank, (count, word) in enumerate(parts)
    )
