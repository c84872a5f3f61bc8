"""Where the time went: models, tools, tests, nothing."""

from __future__ import annotations

import altair as alt
import polars as pl

from ampmetrics.charts.axes import time_axis
from ampmetrics.charts.bars import stacked
from ampmetrics.charts.frame import (
    Chart,
    colour,
    duration_text,
    framed,
    legend,
    nothing,
    number,
    rows_of,
)
from ampmetrics.charts.given import from_frame

__all__ = ["time_spent"]

_BY = ("case_id", "agent", "run_id", "trial", "session_id", "variant")
_PARTS = {
    "model_ms": ("model, and agent itself", "time-model"),
    "tools_ms": ("tools", "time-tools"),
    "whole_ms": ("agent, not told apart", "time-agent"),
    "tests_ms": ("success command", "time-tests"),
    "idle_ms": ("in between", "time-idle"),
}
_KNOWN = (
    ("n_agent_timed", "n_iterations"),
    ("n_tests_timed", "n_tests"),
    ("n_whole", "n_sessions"),
)


@from_frame
def time_spent(frame: pl.DataFrame) -> Chart:
    """Stacked bars of time, from `aggregates.time_spent`: a row a variant (or what it is by).

    The agent's time is split into its tools and the rest where every call's begin and end are
    known; where not, it is a part of its own. A part whose time is not known is not drawn, and the
    sum says `at least`.
    """
    title = "Where the time went"
    drawn = frame.with_columns(_whole(), _at_least(), _sum())
    if drawn["known_ms"].count() == 0:
        why = f"The time of {number(int(frame['n_sessions'].sum()), 'session')} is not known."
        return nothing(title, why if frame.height else "There are no sessions.")
    rows = rows_of(drawn, _BY, pl.col("known_ms").sum(), "row")
    parts = _parts(rows.frame)
    kinds = [(word, shade) for word, shade in _PARTS.values() if (parts["part"] == word).any()]
    words = [word for word, _ in kinds]
    chart = stacked(
        rows,
        parts,
        of=alt.Color(
            "part:N",
            scale=alt.Scale(domain=words, range=[colour(shade) for _, shade in kinds]),
            legend=legend(words, symbolType="square"),
        ),
        end="known_ms",
        words=_WORDS,
        characters=28 if rows.frame["least"].any() else 20,
        named=rows.split,
        tooltip=[
            alt.Tooltip("part:N", title="Part"),
            alt.Tooltip("took:N", title="Time"),
            alt.Tooltip("share:Q", title="Share", format=".1%"),
            alt.Tooltip("n_sessions:Q", title="Sessions", format=","),
            alt.Tooltip("n_iterations:Q", title="Iterations", format=","),
        ],
        written={"took": duration_text("datum.n")},
        values=time_axis(float(rows.frame["known_ms"].max() or 1))[0],  # type: ignore[arg-type]
    )
    return framed(
        chart, title, [*_small_print(frame), rows.cut],
        f"Stacked bars of time, {rows.counted}: {_shares(parts)}.",
        rows.height,
    )  # fmt: skip


def _whole() -> pl.Expr:
    """The agent's time that is not split; null where there is none of it."""
    split = pl.sum_horizontal("model_ms", "tools_ms")
    left = pl.col("agent_ms") - split
    # Sums of the same times in another order differ by rounding.
    return pl.when(left > 1e-6 * pl.col("agent_ms")).then(left).alias("whole_ms")


def _at_least() -> pl.Expr:
    return pl.any_horizontal(pl.col(n) < pl.col(of) for n, of in _KNOWN).alias("least")


def _sum() -> pl.Expr:
    times = pl.sum_horizontal("agent_ms", "tests_ms", "idle_ms")
    known = pl.any_horizontal(pl.col("agent_ms", "tests_ms", "idle_ms").is_not_null())
    return pl.when(known).then(times).alias("known_ms")


def _parts(rows: pl.DataFrame) -> pl.DataFrame:
    """One row a part of a bar; parts that are not known are not there."""
    about = ["row", "series", "known_ms", "n_sessions", "n_iterations"]
    return pl.concat(
        rows.filter(pl.col(column) > 0).select(
            *about, pl.col(column).alias("n"), pl.lit(word).alias("part"),
            pl.lit(rank).alias("rank"), (pl.col(column) / pl.col("known_ms")).alias("share"),
        )
        for rank, (column, (word, _)) in enumerate(_PARTS.items())
    )  # fmt: skip


def _small_print(frame: pl.DataFrame) -> list[str]:
    n = {name: int(frame[name].sum()) for pair in _KNOWN for name in pair}
    split = int(frame["n_split"].sum())
    untimed, untested = (n[of] - n[known] for known, of in _KNOWN[:2])
    unsplit, part = n["n_agent_timed"] - split, n["n_sessions"] - n["n_whole"]
    sessions, iterations = (
        number(n["n_sessions"], "session"),
        number(n["n_iterations"], "iteration"),
    )
    return [
        f"Sums over {sessions} with {iterations}. Tools: while at least one call was under way.",
        f"Of {number(unsplit, 'iteration')} the agent's time cannot be split." if unsplit else "",
        f"Of {number(untimed, 'iteration')} no time is known." if untimed else "",
        f"Of {number(untested, 'test run')} no time is known." if untested else "",
        f"What lay in between is not known of {number(part, 'session')}." if part else "",
    ]  # fmt: skip


def _shares(parts: pl.DataFrame) -> str:
    total = float(parts["n"].sum())
    sums = dict(parts.group_by("part").agg(pl.col("n").sum()).rows())
    return ", ".join(
        f"{word} {sums[word] / total:.0%}" for word, _ in _PARTS.values() if word in sums
    )


_WORDS = (
    f"((datum.least ? 'at least ' : '') + {duration_text('datum.known_ms')} + (width < 420 ? ''"
    " : ' · ' + format(datum.n_sessions, ',') + (datum.n_sessions == 1 ? ' session'"
    " : ' sessions')))"
)
