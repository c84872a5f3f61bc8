"""`ampmetrics summary`: the aggregates as tables, or the summary document as JSON."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["command"]


@click.command(name="summary")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the benchmark summary as JSON.")
def command(paths: tuple[Path, ...], as_json: bool) -> None:
    """Print outcomes, tools, tokens, cost and edits of the event files of PATHS."""
    from ampmetrics.aggregates import benchmark_summary
    from ampmetrics.tables import connect

    with closing(connect(paths)) as con:
        document = benchmark_summary(con)
        if as_json:
            click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        else:
            _print(con, document)


def _print(con: DuckDBPyConnection, document: dict[str, Any]) -> None:
    from ampmetrics.cli.bench import summary_lines

    for run in document["runs"]:
        click.echo(f"{run['suite'] or 'unknown suite'}, agent {run['agent'] or 'unknown'} "
                   f"({run['agentVersion'] or 'version unknown'})")  # fmt: skip
        if run["agentIsSample"]:
            click.echo("Agent: recorded sample agent, not a model")
    click.echo("\n".join(summary_lines(document)))
    for title, names, rows in _tables(con):
        from ampmetrics.cli.tables import print_table

        if rows:
            print_table(names, rows, title=title)


def _tables(con: DuckDBPyConnection) -> Any:
    from ampmetrics import aggregates

    outcomes = aggregates.outcomes(con)
    yield (
        "Outcomes",
        ["case", "variant", "trials", "passed", "pass rate"],
        [
            [r["case_id"], r["variant"], r["n_trials"], r["n_passed"], r["pass_rate"]]
            for r in outcomes.iter_rows(named=True)
        ],
    )
    tools = aggregates.tool_usage(con)
    yield (
        "Tool usage",
        ["tool", "calls", "failed", "no result", "p50 ms", "p95 ms"],
        [
            [r["tool_name"], r["n_calls"], r["n_failed"], r["n_unknown"], r["p50_ms"], r["p95_ms"]]
            for r in tools.iter_rows(named=True)
        ],
    )
    for by in ("model", "case_id"):
        costs = {r[by]: r for r in aggregates.cost(con, (by,)).iter_rows(named=True)}
        yield f"Tokens and cost by {by.removesuffix('_id')}", [
            by.removesuffix("_id"), "requests", "prompt", "cache reads", "completion", "total",
            "cost $", "unpriced",
        ], [
            [r[by], r["n_requests"], r["prompt_tokens"], r["cache_read_tokens"],
             r["completion_tokens"], r["total_tokens"], costs[r[by]]["cost_usd"],
             costs[r[by]]["n_unpriced"]]
            for r in aggregates.tokens(con, (by,)).iter_rows(named=True)
        ]  # fmt: skip
    edits = aggregates.file_edits(con)
    yield (
        "File edits",
        ["path", "edits", "lines added", "lines deleted"],
        [
            [r["path"], r["n_edits"], r["lines_added"], r["lines_deleted"]]
            for r in edits.iter_rows(named=True)
        ],
    )
    quality = aggregates.data_quality(con)
    yield (
        "Data quality",
        ["check", "n", "of", "note"],
        [list(r) for r in quality.select("check", "n", "of", "note").iter_rows()],
    )
