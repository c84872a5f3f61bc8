"""The whole of a benchmark in one document: what `benchmark-summary.json` holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ampmetrics.aggregates.frame import TRIAL, frame, total
from ampmetrics.aggregates.outcomes import trials
from ampmetrics.events import Outcome

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["benchmark_summary"]

_ERRORS = (Outcome.AGENT_ERROR, Outcome.INFRA_ERROR, Outcome.TIMEOUT)


def benchmark_summary(con: DuckDBPyConnection) -> dict[str, Any]:
    """One document for all runs of the connection, ready for JSON; what is not known is None.

    total = passed + failed + trials without a verdict. successRate = passed / total, passRate =
    passed / (passed + failed): both 0 to 1, None where there is nothing to divide by. avgDuration
    and durationMs are ms, of whole trials. totalTokens and totalCost (USD at list price) are sums
    over what is known: lower bounds where `unknown` counts what they leave out, None where nothing
    is known.
    """
    each = trials(con).join(_usage(con), on=TRIAL, how="left", nulls_equal=True).sort(TRIAL)
    usage = frame(con, "llm_usage", ["total_tokens", "cost_usd"])
    success = each["success"]
    passed, failed = int(success.sum() or 0), int((~success).sum() or 0)
    return {
        "runs": _runs(con),
        "total": each.height,
        "passed": passed,
        "failed": failed,
        "successRate": _rate(passed, each.height),
        "passRate": _rate(passed, passed + failed),
        "outcomes": {str(o): int((each["outcome"] == o).sum() or 0) for o in Outcome},
        "avgDuration": each["duration_ms"].mean(),
        "totalTokens": _sum(usage["total_tokens"]),
        "totalCost": _sum(usage["cost_usd"]),
        "unknown": {
            "trialsWithoutEnd": each["outcome"].null_count(),
            "trialsReadTwice": each.height - each.unique(TRIAL[:-1]).height,
            "trialsWithoutTokens": int((each["n_requests"].fill_null(0) == 0).sum()),
            "requestsWithoutTokens": usage["total_tokens"].null_count(),
            "requestsWithoutPrice": usage["cost_usd"].null_count(),
            "unreadableLines": frame(con, "unreadable_lines", ["line"]).height,
            "wrongValues": int(frame(con, "wrong_values", ["n"])["n"].sum() or 0),
        },
        "results": [_result(row) for row in each.iter_rows(named=True)],
    }


def _runs(con: DuckDBPyConnection) -> list[dict[str, Any]]:
    columns = ["run_id", "suite", "suite_hash", "agent", "agent_version", "agent_is_sample",
               "status", "started_at", "duration_ms"]  # fmt: skip
    rows = frame(con, "runs", columns).sort("started_at", "run_id")
    return [
        {
            "runId": row["run_id"],
            "suite": row["suite"],
            "suiteHash": row["suite_hash"],
            "agent": row["agent"],
            "agentVersion": row["agent_version"],
            "agentIsSample": row["agent_is_sample"],
            "status": row["status"],
            "startedAt": row["started_at"] and row["started_at"].isoformat(),
            "durationMs": row["duration_ms"],
        }
        for row in rows.iter_rows(named=True)
    ]


def _usage(con: DuckDBPyConnection) -> pl.DataFrame:
    """One row a trial: the parts of its total_tokens, and the requests that did not say theirs."""
    known = pl.col("total_tokens").is_not_null()
    columns = [*TRIAL, "prompt_tokens", "completion_tokens", "total_tokens"]
    return (
        frame(con, "llm_usage", columns)
        .with_columns(pl.when(known).then(pl.col("prompt_tokens", "completion_tokens")))
        .group_by(TRIAL)
        .agg(
            total("prompt_tokens"),
            total("completion_tokens"),
            pl.col("total_tokens").null_count().cast(pl.Int64).alias("n_unknown"),
        )
    )


def _result(row: dict[str, Any]) -> dict[str, Any]:
    tokens = {
        "total": row["total_tokens"],
        "prompt": row["prompt_tokens"],
        "completion": row["completion_tokens"],
        "cost": row["cost_usd"],
        "requests": row["n_requests"],
        "requestsWithoutTokens": row["n_unknown"],
        "requestsWithoutPrice": row["n_unpriced"],
    }
    return {
        "id": row["case_id"],
        "variant": row["variant"],
        "trial": row["trial"],
        "outcome": row["outcome"],
        "reason": row["reason"],
        "success": row["success"],
        "durationMs": row["duration_ms"],
        "agentDurationMs": row["agent_ms"],
        "metricsFile": Path(row["file"]).name,
        "error": row["reason"] if row["outcome"] in _ERRORS else None,
        "toolCalls": row["n_tool_calls"],
        "fileEdits": row["n_file_edits"],
        "tokenUsage": tokens if row["n_requests"] else None,
    }


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sum(known: pl.Series) -> Any:
    return known.sum() if known.count() else None
