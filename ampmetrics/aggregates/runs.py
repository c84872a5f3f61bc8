"""Which benchmark runs the files hold, and what they were run with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from ampmetrics.aggregates.frame import frame

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["runs"]

COLUMNS = (
    "run_id",
    "suite",
    "suite_hash",
    "agent",
    "agent_version",
    "agent_is_sample",
    "repeats",
    "concurrent",
    "timeout_sec",
    "started_at",
    "duration_ms",
    "status",
    "host",
    "ampmetrics_version",
)


def runs(con: DuckDBPyConnection) -> pl.DataFrame:
    """One row a benchmark run, in the order of their start.

    Columns: run_id, suite, suite_hash, agent, agent_version, agent_is_sample, repeats, concurrent,
    timeout_sec, started_at, duration_ms, status (null: the run never ended), host (JSON) and
    ampmetrics_version.
    """
    return frame(con, "runs", COLUMNS).sort("started_at", "run_id", nulls_last=True)
