"""What the models read and wrote, and what that costs at list prices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from ampmetrics.aggregates.frame import checked, frame, total

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["cost", "tokens"]

BY = ("model", "variant", "case_id", "run_id", "trial", "session_id")
COUNTS = (
    "prompt_tokens",
    "uncached_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "completion_tokens",
    "reasoning_tokens",
    "total_tokens",
)


def tokens(con: DuckDBPyConnection, by: Sequence[str] = ("model",)) -> pl.DataFrame:
    """One row a model (or what `by` names), most tokens first.

    Columns: `by` (a null model is one the agent did not name), n_requests, n_unknown (requests
    that did not say their total), and the sums of prompt_tokens (= uncached_tokens +
    cache_read_tokens + cache_write_tokens), completion_tokens (reasoning_tokens is a part of it)
    and total_tokens over the requests that say them; null where none does.
    `by`: any of model, variant, case_id, run_id, trial, session_id; raises BadInputError else.
    """
    columns = checked(by, BY)
    return (
        frame(con, "llm_usage", [*BY, *COUNTS])
        .group_by(columns)
        .agg(
            pl.len().cast(pl.Int64).alias("n_requests"),
            pl.col("total_tokens").null_count().cast(pl.Int64).alias("n_unknown"),
            *[total(name) for name in COUNTS],
        )
        .sort("total_tokens", *columns, descending=[True, *[False] * len(columns)], nulls_last=True)
    )


def cost(con: DuckDBPyConnection, by: Sequence[str] = ("model",)) -> pl.DataFrame:
    """One row a model (or what `by` names), dearest first.

    Columns: `by`, n_requests = n_priced + n_unpriced, cost_usd (sum over the priced requests, so a
    lower bound where some are unpriced; null where none is priced), reported_cost_usd (what the
    agent itself said; null where it said nothing), price_versions (the price data used).
    `by`: any of model, variant, case_id, run_id, trial, session_id; raises BadInputError else.
    """
    columns = checked(by, BY)
    priced = pl.col("cost_usd").count().cast(pl.Int64)
    return (
        frame(con, "llm_usage", [*BY, "cost_usd", "reported_cost_usd", "price_version"])
        .group_by(columns)
        .agg(
            pl.len().cast(pl.Int64).alias("n_requests"),
            priced.alias("n_priced"),
            pl.col("cost_usd").null_count().cast(pl.Int64).alias("n_unpriced"),
            total("cost_usd"),
            total("reported_cost_usd"),
            pl.col("price_version")
            .drop_nulls()
            .unique()
            .sort()
            .str.join(", ")
            .alias("price_versions"),
        )
        .sort("cost_usd", *columns, descending=[True, *[False] * len(columns)], nulls_last=True)
    )
