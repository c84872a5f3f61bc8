"""How long things took: a trial's time against its cost, and what happened within one trial."""

from __future__ import annotations

from typing import Any

import altair as alt
import polars as pl

from ampmetrics.charts.axes import dollar_axis, log_scale, time_axis
from ampmetrics.charts.frame import (
    UNNAMED,
    Chart,
    colour,
    cost_text,
    duration_text,
    framed,
    legend,
    names_of,
    nothing,
    number,
    ordered,
    picked,
    variant_scale,
)
from ampmetrics.theme import outcome_look

__all__ = ["time_and_cost", "timeline"]

_MAX_POINTS = 2000
_TESTS = "success command"
_MAX_SPANS = 1500
_SHAPES = {"passed": "circle", "not passed": "cross", "not judged": "diamond"}
_RESULTS = (("succeeded", "plain"), ("failed", "failed"), ("not known", "unjudged"))


def time_and_cost(trials: pl.DataFrame) -> Chart:
    """Scatter of the agent's time against cost, one point a trial, from `aggregates.trials`.

    Drag over the points or click on a variant in the legend to mark some: the words above count and
    sum what is marked (all, where nothing is). A trial whose time or cost is null is not drawn but
    counted in the subtitle; a cost that leaves out requests is a lower bound and says so.
    """
    title = "What a trial takes"
    known = trials.drop_nulls(["agent_ms", "cost_usd"])
    unknown = trials.height - known.height
    if known.is_empty():
        why = f"The time or the cost of {number(unknown, 'trial')} is unknown."
        return nothing(title, why if unknown else "There are no trials.")
    every = -(-known.height // _MAX_POINTS)
    points = _points(known).gather_every(every)
    variants = names_of(points, "variant")
    partly = int(known["cost_at_least"].sum())
    log = _spread(points)
    return framed(
        _scatter(points, variants, log=log),
        title,
        [
            f"{number(points.height, 'trial')}, one point each"
            + ("; cost on a log scale." if log else "."),
            "Drag over points, or click on a variant, to count and sum them.",
            f"{number(unknown, 'trial')} not drawn: time or cost unknown." if unknown else "",
            f"{number(partly, 'cost')} {'is' if partly == 1 else 'are'} too low: not every request "
            "has a price or is visible."
            if partly
            else "",
            f"One trial in {every} of {known.height:,} is drawn." if every > 1 else "",
        ],
        f"Scatter of agent's time against cost, {number(points.height, 'trial')} of "
        f"{number(len(variants), 'variant')}.",
        320,
    )


def _spread(points: pl.DataFrame) -> bool:
    """Whether costs lie so far apart that the small ones would be one line."""
    low, high = (float(getattr(points["cost_usd"], name)()) for name in ("min", "max"))
    return low > 0 and high / low > 30


def _scatter(points: pl.DataFrame, variants: list[str], *, log: bool) -> alt.LayerChart:
    costs = points["cost_usd"]
    axis, scale = time_axis(float(points["agent_ms"].max()))  # type: ignore[arg-type]
    y_axis, y_scale = (
        log_scale(float(costs.min()), float(costs.max()))  # type: ignore[arg-type]
        if log
        else dollar_axis(float(costs.max()))  # type: ignore[arg-type]
    )
    verdicts = [word for word in _SHAPES if (points["verdict"] == word).any()]
    shade = colour("accent")
    brush = alt.selection_interval(
        name="marked", mark=alt.BrushConfig(fill=shade, fillOpacity=0.1, stroke=shade)
    )
    choice, _ = picked("variant", variants)
    drawn = (
        alt.Chart(points)
        .mark_point(size=62, filled=True, strokeWidth=1)
        .transform_calculate(
            time=duration_text("datum.agent_ms"),
            cost=cost_text("datum.cost_usd", "datum.cost_at_least"),
        )
        .encode(
            x=alt.X("agent_ms:Q", title="Agent's time", axis=axis, scale=scale),
            y=alt.Y("cost_usd:Q", title="Cost at list price", axis=y_axis, scale=y_scale),
            color=alt.Color(
                "variant:N", scale=variant_scale(variants), legend=legend(variants, offset=36)
            ),
            shape=alt.Shape(
                "verdict:N",
                scale=alt.Scale(domain=verdicts, range=[_SHAPES[word] for word in verdicts]),
                legend=legend(verdicts, offset=36, symbolFillColor=colour("soft")),
            ),
            opacity=alt.condition(brush & choice, alt.value(0.85), alt.value(0.2)),
            tooltip=_trial_tooltip(),
        )
        .add_params(brush, choice)
    )
    return alt.LayerChart(layer=[drawn, _marked(points, brush & choice)])


def _marked(points: pl.DataFrame, marked: Any) -> alt.Chart:
    """The words above the plot: what the marked trials come to."""
    trials = "datum.n + (datum.n == 1 ? ' trial, ' : ' trials, ') + datum.passed + ' passed'"
    median = f"(width < 420 ? '' : '  ·  median ' + {duration_text('datum.median')})"
    cost = cost_text("datum.usd", "datum.partly")
    spent = f"'  ·  ' + {cost} + (width < 420 ? '' : ' in all')"
    words: alt.Chart = (
        alt.Chart(points)
        .transform_filter(marked)
        .transform_aggregate(
            n="count()",
            passed="sum(passed)",
            median="median(agent_ms)",
            usd="sum(cost_usd)",
            partly="sum(cost_at_least)",
        )
        .transform_calculate(said=f"{trials} + {median} + {spent}")
        .mark_text(
            align="left", baseline="bottom", fontSize=12, fontWeight=600, color=colour("ink")
        )
        .encode(x=alt.value(0), y=alt.value(-12), text="said:N")
    )
    return words


def _trial_tooltip() -> list[alt.Tooltip]:
    return [
        alt.Tooltip("case_id:N", title="Case"),
        alt.Tooltip("variant:N", title="Variant"),
        alt.Tooltip("trial:Q", title="Trial"),
        alt.Tooltip("outcome:N", title="Outcome"),
        alt.Tooltip("time:N", title="Agent's time"),
        alt.Tooltip("cost:N", title="Cost"),
    ]


def _points(trials: pl.DataFrame) -> pl.DataFrame:
    words = {outcome: outcome_look(outcome).word for outcome in trials["outcome"].unique()}
    success = pl.col("success")
    verdict = pl.when(success).then(pl.lit("passed")).when(~success).then(pl.lit("not passed"))
    return trials.sort("run_id", "case_id", "variant", "trial", nulls_last=True).select(
        pl.col("case_id").fill_null(UNNAMED),
        pl.col("variant").fill_null(UNNAMED),
        "trial",
        "agent_ms",
        "cost_usd",
        "cost_at_least",
        pl.col("outcome").replace_strict(words, return_dtype=pl.String),
        verdict.otherwise(pl.lit("not judged")).alias("verdict"),
        success.fill_null(value=False).cast(pl.Int64).alias("passed"),
    )


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
