"""What is picked → what one view of it shows: blocks, a chart, and rows to sort."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from ampmetrics import aggregates, charts, reports
from ampmetrics.aggregates.net import SESSION
from ampmetrics.charts.frame import number
from ampmetrics.explorer.picked import Picked
from ampmetrics.reports.columns import column as column_of
from ampmetrics.tables.held import held

if TYPE_CHECKING:
    import altair as alt

__all__ = ["PANELS", "Panel", "figures", "title_of"]

_WHOSE = ("case_id", "variant", "trial", "session_id")
_OF_TRIALS = ("case_id", "variant", "trial", "outcome")
_OF_SESSIONS = ("session_id", "agent", "model", "status")
_WORK = ("started_at", "agent_ms", "n_tool_calls", "n_failed_tool_calls", "n_file_edits",
         "net_added", "net_deleted", "total_tokens", "cost_usd")  # fmt: skip
_TIMED = ("iterations", "tool_calls", "test_results")
_AT_LEAST = {"total_tokens": "tokens_at_least", "cost_usd": "cost_at_least",
             **dict.fromkeys(["n_tool_calls", "n_failed_tool_calls", "n_file_edits"],
                             "calls_at_least")}  # fmt: skip
_TITLES = {
    "cost_source": "Price from",
    "duration_ms": "Took",
    "ended": "Ended",
    "error_message": "What the tool said",
    "lane": "Tool",
    "lines_added": "Lines +",
    "lines_deleted": "Lines −",
    "n_failed_tool_calls": "Failed",
    "n_file_edits": "Edits",
    "start_ms": "Since the start",
    "started_at": "Start, UTC",
    "timestamp": "Time, UTC",
}


class Panel(NamedTuple):
    """One view of what is picked."""

    rows: pl.DataFrame
    columns: list[str]
    """Those that can be sorted by, the first of them at first."""
    show: Callable[[pl.DataFrame], reports.Block]
    """A page of the rows as HTML."""
    chart: alt.Chart | alt.LayerChart | None = None
    above: reports.Block | None = None


def title_of(column: str) -> str:
    """A column's heading."""
    return _TITLES.get(column) or column_of(column, numeric=True).label


def outcome(picked: Picked) -> Panel:
    """How it ended: every trial as a tile and a row; of one, what is known of it."""
    units = picked.units
    trials = units.filter("is_trial")
    if picked.is_one:
        return _one(picked)
    columns = [*_OF_TRIALS] if trials.height == units.height else [*_OF_SESSIONS]
    if trials.height not in (0, units.height):
        columns = ["case_id", "variant", "trial", "session_id", "agent", "ended"]
    chart = charts.outcomes(trials) if trials.height else None
    return Panel(units, [*columns, *_WORK], _table([*columns, *_WORK]), chart)


def _one(picked: Picked) -> Panel:
    (row,) = picked.units.to_dicts()
    tests, missing = [row[name] for name in ("n_tests_passed", "n_tests")], row["missing_files"]
    said = {
        "Ended": f"{row['ended']}: {row['reason']}" if row["reason"] else row["ended"],
        "Tests passed": None if None in tests else f"{tests[0]:,} of {tests[1]:,}",
        "Agent": " ".join(filter(None, [row["agent"], row["agent_version"]])) or None,
        "Model asked for": row["model"],
        "Started": row["started_at"] and f"{row['started_at']:%Y-%m-%d %H:%M:%S} UTC",
        "Session": row["session_id"],
        "Files that differ": row["n_net"],
        "Expected files missing": None if missing is None else ", ".join(missing) or "none",
        "Event file": row["file"],
    }
    if row["expected_files"] is None:
        del said["Expected files missing"]
    if not row["is_trial"]:
        del said["Tests passed"]
    messages = picked.rows("user_messages")
    columns = ["timestamp", "message"]
    show = _table(columns, caption="Prompts", empty="No prompt was told.")
    return Panel(messages, columns, show, above=reports.facts(said))


def timeline(picked: Picked) -> Panel:
    """When what happened in one trial or session; of several, their time against their cost."""
    if not picked.is_one:
        columns = [*_whose(picked), "ended", "agent_ms", "cost_usd"]
        note = "Pick one trial or session to see what happened in it."
        chart = charts.time_and_cost(picked.units)
        return Panel(picked.units, columns, _table(columns), chart, reports.notice(note))
    spans = _spans(picked)
    columns = ["start_ms", "lane", "what", "duration_ms", "success"]
    show = _table(columns, empty="No call with a known time.")
    return Panel(spans, columns, show, charts.timeline(spans))


def _spans(picked: Picked) -> pl.DataFrame:
    # Calls without a session are of one too, of one without a name.
    named = pl.col("session_id").fill_null("")
    views = {name: picked.rows(name).with_columns(named) for name in _TIMED}
    with closing(held(views)) as con:
        return aggregates.timeline(con, picked.units["session_id"][0] or "")


def tool_calls(picked: Picked) -> Panel:
    """Every call with its arguments and its result."""
    with picked.connection("tool_calls") as con:
        used = aggregates.tool_usage(con, ["tool_name", *picked.by_variant])
    success, code = pl.col("success"), pl.col("exit_code")
    result = (
        pl.when(success)
        .then(pl.lit("succeeded"))
        .when(code != 0)
        .then(pl.format("exit code {}", code))
        .when(~success)
        .then(pl.lit("failed"))
    )
    calls = picked.rows("tool_calls").with_columns(result=result)
    columns = ["started_at", *_whose(picked), "tool_name", "args", "duration_ms", "result",
               "error_message"]  # fmt: skip
    show = _table(columns, empty="No tool was called.")
    return Panel(calls, columns, show, charts.tool_usage(used))


def edits(picked: Picked) -> Panel:
    """Every edit with its diff."""
    with picked.connection("file_edits", "net_changes", "iterations") as con:
        edited = aggregates.file_edits(con, ["path", *picked.by_variant])
    rows = picked.rows("file_edits")
    # Where none was seen on the way, what differs in the end.
    whose = rows.select(SESSION).unique()
    net = picked.rows("net_changes").join(whose, on=SESSION, how="anti", nulls_equal=True)
    rows = pl.concat([rows, net], how="diagonal")
    if picked.is_one:
        rows = rows.drop("case_id", "variant", "trial")
    columns = ["timestamp", "path", "operation", "lines_added", "lines_deleted"]
    is_known = picked.units["n_file_edits"].null_count() == 0
    show = partial(reports.diff, empty="No file was changed." if is_known else "No edit is known.")
    return Panel(rows, columns, show, charts.file_edits(edited) if edited.height else None)


def tokens(picked: Picked) -> Panel:
    """What the models read and wrote, request by request, and its price."""
    with picked.connection("llm_usage") as con:
        used = aggregates.tokens(con, ["model", *picked.by_variant])
    columns = ["timestamp", *_whose(picked), "model", "scope", "prompt_tokens",
               "cache_read_tokens", "completion_tokens", "total_tokens", "cost_usd",
               "cost_source"]  # fmt: skip
    show = _table(columns, empty="No request to a model was told.")
    return Panel(picked.rows("llm_usage"), columns, show, charts.tokens(used))


PANELS: Mapping[str, Callable[[Picked], Panel]] = {
    "Outcome": outcome,
    "Timeline": timeline,
    "Tool calls": tool_calls,
    "Edits": edits,
    "Tokens and cost": tokens,
}


def _whose(picked: Picked) -> list[str]:
    """What names the unit of a row, where there are several."""
    if picked.is_one:
        return []
    names = _WHOSE[:3] if picked.units["is_trial"].all() else _WHOSE
    return [name for name in names if picked.units[name].n_unique() > 1]


def _table(
    columns: list[str], caption: str = "", empty: str = "Nothing is picked."
) -> Callable[[pl.DataFrame], reports.Block]:
    heads = {name: title_of(name) for name in columns}

    def show(page: pl.DataFrame) -> reports.Block:
        page = page.with_columns(pl.selectors.datetime().dt.strftime("%Y-%m-%d %H:%M:%S"))
        bounds = {name: flag for name, flag in _AT_LEAST.items() if {name, flag} <= {*page.columns}}
        bounds = {name: flag for name, flag in bounds.items() if name in heads}
        return reports.table(page, heads, caption=caption, empty=empty, limit=None, at_least=bounds)

    return show


def figures(units: pl.DataFrame) -> reports.Block:
    """The sums over some units; what leaves something out says that it is at least that."""
    trials = units.filter("is_trial")
    n_sessions = units.height - trials.height
    outside = f"and {number(n_sessions, 'session')}" if n_sessions else ""
    judged, passed = trials["success"].count(), int(trials["success"].sum())
    rate = reports.rate(passed / judged) if judged else ""
    failed = _sum(units, "n_failed_tool_calls", reports.count)
    return reports.figures(
        [
            ("Trials", f"{trials.height:,}", outside),
            ("Passed", f"{passed:,} of {judged:,}" if judged else "unknown", rate),
            ("Agent's time", _sum(units, "agent_ms", reports.duration)),
            (
                "Tool calls",
                _sum(units, "n_tool_calls", reports.count),
                f"{failed} failed" if _total(units, "n_failed_tool_calls") else "",
            ),
            ("Tokens", _sum(units, "total_tokens", reports.count)),
            ("Cost", _sum(units, "cost_usd", reports.usd)),
        ]
    )


def _total(units: pl.DataFrame, column: str) -> float | None:
    return float(units[column].sum()) if units[column].count() else None


def _sum(units: pl.DataFrame, column: str, say: Callable[[float | None], str]) -> str:
    total = _total(units, column)
    flag = _AT_LEAST.get(column)
    # Of what has no start nothing is known, so its flag is null.
    lacks = units[flag].fill_null(value=True) if flag else units[column].is_null()
    partly = bool(lacks.any())
    return f"≥ {say(total)}" if partly and total is not None else say(total)
