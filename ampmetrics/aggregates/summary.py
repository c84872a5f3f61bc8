"""The whole of a benchmark in one document: what `benchmark-summary.json` holds."""

from __future__ import annotations

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
    over what is known, `unknown` says how much is not; None where nothing is known.
    """
    each = trials(con).join(_usage(con), on=TRIAL, how="left", nulls_equal=True).sort(TRIAL)
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
        "totalTokens": _sum(each["total_tokens"]),
        "totalCost": _sum(each["cost_usd"]),
        "unknown": {
            "trialsWithoutEnd": each["outcome"].null_count(),
            "trialsWithoutTokens": each["total_tokens"].null_count(),
            "requestsWithoutPrice": int(each["n_unpriced"].sum() or 0),
            "unreadableLines": frame(con, "unreadable_lines", ["line"]).height,
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
    prompts = frame(con, "llm_usage", [*TRIAL, "prompt_tokens", "completion_tokens"])
    files = frame(con, "trials", [*TRIAL, "file"])
    sums = prompts.group_by(TRIAL).agg(total("prompt_tokens"), total("completion_tokens"))
    return files.join(sums, on=TRIAL, how="left", nulls_equal=True)


def _result(row: dict[str, Any]) -> dict[str, Any]:
    tokens = {
        "total": row["total_tokens"],
        "prompt": row["prompt_tokens"],
        "completion": row["completion_tokens"],
        "cost": row["cost_usd"],
        "requests": row["n_requests"],
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
        "metricsFile": row["file"],
        "error": row["reason"] if row["outcome"] in _ERRORS else None,
        "toolCalls": row["n_tool_calls"],
        "fileEdits": row["n_file_edits"],
        "tokenUsage": tokens if row["n_requests"] else None,
    }


def _rate(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sum(known: pl.Series) -> Any:
    return known.sum() if known.count() else None
