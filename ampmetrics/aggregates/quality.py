"""What is not known, and what could not be read: shown beside every number."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ampmetrics.aggregates.frame import TRIAL, frame
from ampmetrics.events import KINDS

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["data_quality"]


def data_quality(con: DuckDBPyConnection) -> pl.DataFrame:
    """One row a check, always the same checks in the same order.

    Columns: check, n (how many were found), of (out of how many), note (what it means for the
    numbers). `n` = 0 is good everywhere but in the first row, which says what was read.
    """
    events = frame(con, "events", ["type", "file"])
    unreadable = frame(con, "unreadable_lines", ["line"])
    calls = frame(con, "tool_calls", ["success", "duration_ms"])
    usage = frame(
        con, "llm_usage", ["session_id", "iteration_id", "model", "total_tokens", "cost_usd"]
    )
    iterations = frame(
        con,
        "iterations",
        ["session_id", "iteration_id", "status", "stream_lines", "unreadable_stream_lines"],
    )
    trials = frame(con, "trials", [*TRIAL, "outcome"])
    wrong = frame(con, "wrong_values", ["field", "n"]).sort("field")
    ids = ["session_id", "iteration_id"]
    n_files = frame(con, "event_files", ["file"]).height
    silent = iterations.join(usage, on=ids, how="anti")
    checks = [
        ("events read", events.height, events.height, f"from {n_files} files"),
        ("unreadable lines", unreadable.height, unreadable.height + events.height,
         "lines that are no event; the table unreadable_lines names them"),
        ("events of an unknown kind", events.filter(~pl.col("type").is_in(list(KINDS))).height,
         events.height, "kept in the view events, counted nowhere else"),
        ("values of the wrong type", int(wrong["n"].sum() or 0), events.height,
         "their columns cannot show them, so null; the view wrong_values names them"),
        ("trials read more than once", trials.height - trials.unique(TRIAL[:-1]).height,
         trials.height, "a copy of a run is counted as one more"),
        ("trials without an end", trials["outcome"].null_count(), trials.height,
         "their outcome is not known"),
        ("iterations without an end", iterations["status"].null_count(), iterations.height,
         "their duration is not known"),
        ("unreadable lines in agents' streams", int(iterations["unreadable_stream_lines"].sum()),
         int(iterations["stream_lines"].sum()), "counted nowhere; see the raw logs"),
        ("iterations without tokens", silent.height, iterations.height,
         "no message reported usage; their tokens and cost are not known"),
        ("tool calls without a result", calls["success"].null_count(), calls.height,
         "neither success nor failure"),
        ("tool calls without a duration", calls["duration_ms"].null_count(), calls.height,
         "left out of p50 and p95"),
        ("requests without a model", usage["model"].null_count(), usage.height,
         "the agent does not say which model answered"),
        ("requests without tokens", usage["total_tokens"].null_count(), usage.height,
         "left out of the sums"),
        ("requests without a price", usage["cost_usd"].null_count(), usage.height,
         "left out of the cost, which is a lower bound"),
    ]  # fmt: skip
    return pl.DataFrame(
        checks,
        schema={"check": pl.String, "n": pl.Int64, "of": pl.Int64, "note": pl.String},
        orient="row",
    )
