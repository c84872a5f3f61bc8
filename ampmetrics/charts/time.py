"""What a trial takes: its time against its cost."""

from __future__ import annotations

from typing import Any, NamedTuple

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
    picked,
    variant_scale,
)
from ampmetrics.charts.given import from_frame
from ampmetrics.theme import outcome_look

__all__ = ["time_and_cost"]

_MAX_POINTS = 2000
_SHAPES = {"passed": "circle", "not passed": "cross", "not judged": "diamond"}
_NO_TRIAL = pl.all_horizontal(pl.col("case_id", "variant", "trial").is_null())


class _Of(NamedTuple):
    """What a point is."""

    one: str
    many: str

    def number(self, n: int) -> str:
        return f"{n:,} {self.one if n == 1 else self.many}"


_TRIALS, _SESSIONS = _Of("trial", "trials"), _Of("session", "sessions")
_BOTH = _Of("trial or session", "trials and sessions")


@from_frame
def time_and_cost(trials: pl.DataFrame) -> Chart:
    """Scatter of the agent's time against cost, one point a trial, from `aggregates.trials`.

    Drag over the points or click on a variant in the legend to mark some: the words above count and
    sum what is marked (all, where nothing is), and how many of those with a verdict passed. A trial
    whose time or cost is null is not drawn but counted in the subtitle; a cost that leaves out
    requests is a lower bound and says so. A row of no case, variant and trial is called a session.
    """
    known = trials.drop_nulls(["agent_ms", "cost_usd"])
    unknown = trials.filter(pl.any_horizontal(pl.col("agent_ms", "cost_usd").is_null()))
    left = _what(unknown).number(unknown.height)
    of = _what(unknown if known.is_empty() else known)
    title = f"What a {of.one} takes"
    if known.is_empty():
        why = f"The time or the cost of {left} is unknown."
        return nothing(title, "There are no trials." if unknown.is_empty() else why)
    every = -(-known.height // _MAX_POINTS)
    points = _points(known).gather_every(every)
    # Sessions have none.
    variants = [] if of is _SESSIONS else names_of(points, "variant")
    partly = int(known["cost_at_least"].sum())
    log = _spread(points)
    return framed(
        _scatter(points, variants, of, log=log),
        title,
        [
            f"{of.number(points.height)}, one point each"
            + ("; cost on a log scale." if log else "."),
            f"Drag over points{', or click on a variant,' * bool(variants)} to count and sum them.",
            "" if unknown.is_empty() else f"{left} not drawn: time or cost unknown.",
            f"{number(partly, 'cost')} {'is' if partly == 1 else 'are'} too low: not every request "
            "has a price or is visible."
            if partly
            else "",
            f"One {of.one} in {every} of {known.height:,} is drawn." if every > 1 else "",
        ],
        f"Scatter of agent's time against cost, {of.number(points.height)}"
        + (f" of {number(len(variants), 'variant')}." if variants else "."),
        320,
    )


def _what(trials: pl.DataFrame) -> _Of:
    sessions = trials.filter(_NO_TRIAL).height
    return _BOTH if 0 < sessions < trials.height else _SESSIONS if sessions else _TRIALS


def _spread(points: pl.DataFrame) -> bool:
    """Whether costs lie so far apart that the small ones would be one line."""
    low, high = (float(getattr(points["cost_usd"], name)()) for name in ("min", "max"))
    return low > 0 and high / low > 30


def _scatter(points: pl.DataFrame, variants: list[str], of: _Of, *, log: bool) -> alt.LayerChart:
    costs = points["cost_usd"]
    axis, scale = time_axis(float(points["agent_ms"].max()))  # type: ignore[arg-type]
    y_axis, y_scale = (
        log_scale(float(costs.min()), float(costs.max()))  # type: ignore[arg-type]
        if log
        else dollar_axis(float(costs.max()))  # type: ignore[arg-type]
    )
    shade = colour("accent")
    brush = alt.selection_interval(
        name="marked", mark=alt.BrushConfig(fill=shade, fillOpacity=0.1, stroke=shade)
    )
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
            tooltip=_tooltip(of),
        )
        .add_params(brush)
    )
    marked: Any = brush
    if variants:
        choice, _ = picked("variant", variants)
        drawn, marked = drawn.add_params(choice), brush & choice
    # Sessions have no variant and no verdict.
    look = _legends(points, variants) if variants else {"color": alt.value(colour("plain"))}
    faded = alt.condition(marked, alt.value(0.85), alt.value(0.2))
    drawn = drawn.encode(opacity=faded, **look)
    return alt.LayerChart(layer=[drawn, _marked(points, marked, of)])


def _legends(points: pl.DataFrame, variants: list[str]) -> dict[str, Any]:
    """Colours of the variants and shapes of the verdicts."""
    verdicts = [word for word in _SHAPES if (points["verdict"] == word).any()]
    return {
        "color": alt.Color(
            "variant:N", scale=variant_scale(variants), legend=legend(variants, offset=36)
        ),
        "shape": alt.Shape(
            "verdict:N",
            scale=alt.Scale(domain=verdicts, range=[_SHAPES[word] for word in verdicts]),
            legend=legend(verdicts, offset=36, symbolFillColor=colour("soft")),
        ),
    }


def _marked(points: pl.DataFrame, marked: Any, of: _Of) -> alt.Chart:
    """The words above the plot: what the marked points come to."""
    trials = f"datum.n + (datum.n == 1 ? ' {of.one}' : ' {of.many}') + {_PASSED}"
    median = f"(width < 420 ? '' : '  ·  median ' + {duration_text('datum.median')})"
    cost = cost_text("datum.usd", "datum.partly")
    spent = f"'  ·  ' + {cost} + (width < 420 ? '' : ' in all')"
    words: alt.Chart = (
        alt.Chart(points)
        .transform_filter(marked)
        .transform_aggregate(
            n="count()",
            judged="valid(passed)",
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


_PASSED = (
    "(datum.judged == 0 ? '' : ', ' + (datum.judged == datum.n ? datum.passed + ' passed'"
    " : datum.passed + ' of ' + datum.judged + ' judged passed'))"
)


def _tooltip(of: _Of) -> list[alt.Tooltip]:
    whose = [
        alt.Tooltip("case_id:N", title="Case"),
        alt.Tooltip("variant:N", title="Variant"),
        alt.Tooltip("trial:Q", title="Trial"),
        alt.Tooltip("outcome:N", title="Outcome"),
    ]
    return [
        *([] if of is _SESSIONS else whose),
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
        pl.when(_NO_TRIAL & pl.col("outcome").is_null())
        .then(pl.lit("no trial"))
        .otherwise(pl.col("outcome").replace_strict(words, return_dtype=pl.String))
        .alias("outcome"),
        verdict.otherwise(pl.lit("not judged")).alias("verdict"),
        success.cast(pl.Int64).alias("passed"),
    )
