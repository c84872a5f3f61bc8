"""What went wrong, how often, and why."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.bars import stacked
from ampmetrics.charts.frame import Chart, colour, framed, legend, nothing, number, rows_of
from ampmetrics.charts.given import from_frame
from ampmetrics.theme import OUTCOMES, Look, outcome_look

__all__ = ["failures"]

_BY = ("reason", "case_id", "agent", "model", "run_id", "variant")
# By the page: a limit by what is left of it for the bars would change what is left.
_LONGEST = "max(110, min(300, (containerSize()[0] || 750) - 450))"
_UNJUDGED = Look("no judgement of the agent", "?", "unjudged", "unjudged-soft", "unjudged")


@from_frame
def failures(frame: pl.DataFrame) -> Chart:
    """Stacked bars of trials that did not pass, from `aggregates.failures`: a row a reason.

    Or what else the frame is by; a bar is coloured by outcome where the frame has it. A reason that
    nobody told is called by its outcome.
    """
    title = "What went wrong"
    if frame.is_empty():
        return nothing(title, "No trial went wrong.")
    by = _BY if set(_BY) & set(frame.columns) else ("outcome",)
    looks = _looks(frame, told_apart=by != _BY)
    word = {outcome: look.word for outcome, look in looks.items()}
    outcome = pl.col("outcome") if "outcome" in frame.columns else pl.lit("failed", pl.String)
    named = frame.with_columns(outcome.replace_strict(word, return_dtype=pl.String).alias("part"))
    if "reason" in frame.columns:
        untold = pl.format("({}, no reason told)", "part")
        named = named.with_columns(
            pl.coalesce(pl.col("reason").str.slice(0, 160), untold).alias("reason")
        )
    if by != _BY:
        named = named.with_columns(outcome="part")
    rows = rows_of(named, by, pl.col("n_trials").sum(), "row")
    tints = {look.word: colour(look.colour) for look in looks.values()}
    words = list(tints)
    place = {each: rank for rank, each in enumerate(words)}
    key = ["row", "series", "part"]
    parts = rows.frame.group_by(key, maintain_order=True).agg(pl.col("n_trials").sum().alias("n"))
    rank = pl.col("part").replace_strict(place, return_dtype=pl.Int64)
    parts = parts.with_columns(rank=rank)
    whole = rows.frame.group_by("row", "series", maintain_order=True).agg(pl.col("n_trials").sum())
    chart = stacked(
        rows._replace(frame=whole),
        parts,
        of=alt.Color(
            "part:N",
            scale=alt.Scale(domain=words, range=list(tints.values())),
            legend=legend(words, symbolType="square") if "outcome" in frame.columns else None,
        ),
        end="n_trials",
        words="format(datum.n_trials, ',')",
        characters=6,
        named=rows.split,
        axis=alt.Axis(labelLimit=alt.expr(_LONGEST)),
        tooltip=[
            alt.Tooltip("part:N", title="Outcome"), alt.Tooltip("n:Q", title="Trials", format=",")
        ],
    )  # fmt: skip
    n, judged = int(frame["n_trials"].sum()), int(frame["n_verdicts"].sum())
    return framed(
        chart,
        title,
        [
            f"{number(n, 'trial')} that did not pass; {judged:,} of them judge the agent.",
            rows.cut,
        ],
        f"Stacked bars of trials that did not pass, {rows.counted}: {number(n, 'trial')}"
        f"{rows.in_all}.",
        rows.height,
    )


def _looks(frame: pl.DataFrame, *, told_apart: bool) -> dict[str | None, Look]:
    """Look of every outcome that is there, the known ones first and in their order.

    Those that do not judge the agent have one colour: they are one, unless they are told apart.
    """
    if "outcome" not in frame.columns:
        return {"failed": Look("did not pass", "✕", "failed", "failed-soft", "failed")}
    found = frame["outcome"].unique().to_list()
    known = [outcome for outcome in OUTCOMES if outcome in found]
    others = sorted(each for each in found if each is not None and each not in OUTCOMES)
    last = [None] if None in found else []
    looks = {outcome: outcome_look(outcome) for outcome in [*known, *others, *last]}
    grey = [outcome for outcome, look in looks.items() if look.colour == _UNJUDGED.colour]
    return looks if told_apart or len(grey) < 2 else looks | dict.fromkeys(grey, _UNJUDGED)
