"""What happened when within one session, call by call."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.axes import time_axis
from ampmetrics.charts.frame import (
    UNNAMED,
    Chart,
    colour,
    duration_text,
    framed,
    legend,
    nothing,
    number,
    ordered,
    picked,
)
from ampmetrics.charts.given import from_frame

__all__ = ["timeline"]

_TESTS = "success command"
_MAX_SPANS = 1500
_RESULTS = (("succeeded", "plain"), ("failed", "failed"), ("not known", "unjudged"))


@from_frame
def timeline(frame: pl.DataFrame, *, title: str = "Tool calls over time") -> Chart:
    """Gantt of one session, from `aggregates.timeline`: a lane a tool, a bar a call.

    A call whose end is not known is a mark at its start. The gaps are the model and the agent
    itself.
    """
    known = frame.drop_nulls("start_ms")
    if known.is_empty():
        return nothing(title, "No tool call of this session has a known start.")
    spans = _spans(known.sort("start_ms", "lane", nulls_last=True).head(_MAX_SPANS))
    lanes = _lanes(spans)
    open_ended, later = spans["end_ms"].null_count(), known.height - spans.height
    unstarted = frame.height - known.height
    return framed(
        _gantt(spans, lanes),
        title,
        [
            f"{_counted(spans)}. The gaps are the model and the agent itself.",
            f"Of {number(open_ended, 'call')} the end is not known." if open_ended else "",
            f"{number(later, 'later call')} left out." if later else "",
            f"{number(unstarted, 'call')} without a start left out." if unstarted else "",
        ],
        f"Timeline of {_counted(spans)} in {number(len(lanes), 'lane')}.",
        len(lanes) * 29,
    )


def _counted(spans: pl.DataFrame) -> str:
    runs = spans.filter(pl.col("lane") == _TESTS).height
    calls = number(spans.height - runs, "call")
    return f"{calls} and {number(runs, 'run')} of the {_TESTS}" if runs else calls


def _gantt(spans: pl.DataFrame, lanes: list[str]) -> alt.LayerChart:
    results = [(word, shade) for word, shade in _RESULTS if (spans["result"] == word).any()]
    words = [word for word, _ in results]
    last = max(float(spans[name].max() or 0) for name in ("start_ms", "end_ms"))  # type: ignore[arg-type]
    axis, scale = time_axis(last)
    x = alt.X("start_ms:Q", title="Since the agent was started", axis=axis, scale=scale)
    choice, faded = picked("result", words)
    base = (
        alt.Chart(spans)
        .transform_calculate(
            began=duration_text("datum.start_ms"), took=duration_text("datum.duration_ms")
        )
        .encode(
            y=alt.Y("lane:N", title=None, scale=ordered(lanes, paddingInner=0.35)),
            color=alt.Color(
                "result:N",
                scale=alt.Scale(domain=words, range=[colour(shade) for _, shade in results]),
                legend=legend(words, symbolType="square"),
            ),
            opacity=faded,
            tooltip=[
                alt.Tooltip("lane:N", title="Tool"),
                alt.Tooltip("what:N", title="What"),
                alt.Tooltip("began:N", title="Start"),
                alt.Tooltip("took:N", title="Took"),
                alt.Tooltip("result:N", title="Result"),
            ],
        )
    )
    bars = (
        base.transform_filter("isValid(datum.end_ms)")
        .mark_bar(height=14, cornerRadius=1)
        .encode(x=x, x2="end_ms:Q")
    )
    # A call of some milliseconds would be thinner than a pixel: its start is marked as well.
    starts = base.mark_tick(thickness=2, height=14).encode(x=x)
    return alt.LayerChart(layer=[bars.add_params(choice), starts])


def _spans(spans: pl.DataFrame) -> pl.DataFrame:
    success = pl.col("success")
    result = pl.when(success).then(pl.lit("succeeded")).when(~success).then(pl.lit("failed"))
    return spans.select(
        pl.col("lane").fill_null(UNNAMED),
        pl.col("what").str.slice(0, 200),
        "start_ms",
        "end_ms",
        "duration_ms",
        result.otherwise(pl.lit("not known")).alias("result"),
    )


def _lanes(spans: pl.DataFrame) -> list[str]:
    """Lanes in the order in which they first appear, the success command last."""
    seen = spans["lane"].unique(maintain_order=True).to_list()
    return sorted(seen, key=lambda lane: lane == _TESTS)
