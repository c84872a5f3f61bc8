"""How the trials ended: k of n by case and variant, and every trial in one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from ampmetrics.aggregates.frame import TRIAL, checked, frame, total
from ampmetrics.events import Outcome

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["outcomes", "trials"]

BY = ("case_id", "variant", "agent", "model", "run_id")


def outcomes(con: DuckDBPyConnection, by: Sequence[str] = ("case_id", "variant")) -> pl.DataFrame:
    """One row a case and variant (or what `by` names), in their order.

    Columns: `by`, n_trials, one count an outcome (n_passed, n_failed, n_timeout, n_agent_error,
    n_infra_error, n_no_verdict, n_cancelled), n_unfinished (trials without an end), n_verdicts
    (trials that judge the agent: passed, failed, timeout, agent_error) and pass_rate = n_passed /
    n_verdicts, null where there is no verdict.
    `by`: any of case_id, variant, agent, model, run_id; raises BadInputError else.
    """
    columns = checked(by, BY)
    outcome, success = pl.col("outcome"), pl.col("success")
    return (
        frame(con, "trials", [*BY, "outcome", "success"])
        .group_by(columns)
        .agg(
            pl.len().cast(pl.Int64).alias("n_trials"),
            *[(outcome == word).sum().cast(pl.Int64).alias(f"n_{word}") for word in Outcome],
            outcome.null_count().cast(pl.Int64).alias("n_unfinished"),
            success.count().cast(pl.Int64).alias("n_verdicts"),
            success.mean().alias("pass_rate"),
        )
        .sort(columns)
    )


def trials(con: DuckDBPyConnection) -> pl.DataFrame:
    """One row a trial, in the order of run, case, variant and number.

    Columns: run_id, case_id, variant, trial, file, session_id, agent, agent_version, model (asked
    for), outcome (null: the trial never ended), success, reason, duration_ms (the whole trial),
    agent_ms (the agent's own time; null: an iteration has no end), n_tool_calls,
    n_failed_tool_calls, n_file_edits, lines_added, lines_deleted, n_requests, n_unpriced,
    total_tokens and cost_usd (null: no request said; a lower bound where n_unpriced > 0).
    The counts are 0 where the agent did none of it, null where the trial never ended
    (n_file_edits also where the edits were not looked for).
    """
    base = frame(
        con,
        "trials",
        [*TRIAL, "session_id", "agent", "agent_version", "model", "outcome", "success", "reason",
         "duration_ms"],
    )  # fmt: skip
    parts = [
        frame(con, "iterations", [*TRIAL, "duration_ms", "edits_tracked"]).group_by(TRIAL).agg(
            pl.when(pl.col("duration_ms").null_count() == 0)
            .then(pl.col("duration_ms").sum())
            .alias("agent_ms"),
            (pl.col("edits_tracked") == False).any().alias("edits_missed"),  # noqa: E712
        ),
        frame(con, "tool_calls", [*TRIAL, "success"]).group_by(TRIAL).agg(
            _number("n_tool_calls"),
            (~pl.col("success")).sum().cast(pl.Int64).alias("n_failed_tool_calls"),
        ),
        frame(con, "file_edits", [*TRIAL, "lines_added", "lines_deleted"]).group_by(TRIAL).agg(
            _number("n_file_edits"), total("lines_added"), total("lines_deleted")
        ),
        frame(con, "llm_usage", [*TRIAL, "total_tokens", "cost_usd"]).group_by(TRIAL).agg(
            _number("n_requests"),
            pl.col("cost_usd").null_count().cast(pl.Int64).alias("n_unpriced"),
            total("total_tokens"),
            total("cost_usd"),
        ),
    ]  # fmt: skip
    for part in parts:
        base = base.join(part, on=TRIAL, how="left", nulls_equal=True)
    ended = pl.col("outcome").is_not_null()
    none = pl.when(ended).then(0)
    no_edits = pl.when(ended & ~pl.col("edits_missed").fill_null(False)).then(0)
    return (
        base.with_columns(pl.col("n_file_edits").fill_null(no_edits))
        .with_columns(pl.col("^n_.*$").exclude("n_file_edits").fill_null(none))
        .drop("edits_missed")
        .sort(TRIAL)
    )


def _number(name: str) -> pl.Expr:
    return pl.len().cast(pl.Int64).alias(name)
