"""Charts of rates, costs, time, comparisons and days: each says what it rests on and leaves out."""

from __future__ import annotations

import base64
import gzip
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pytest
import vl_convert
from playwright.sync_api import sync_playwright
from test_charts import COMPARED, DRAWN

from ampmetrics import aggregates, charts
from ampmetrics.charts.days import days_of
from ampmetrics.errors import CannotRunError
from ampmetrics.reports.pdf import chromium
from ampmetrics.reports.vega import bundle
from ampmetrics.theme import variant_colours

DAY = 86_400_000


def drawn(chart: Any) -> dict[str, Any]:
    """The chart's specification, after Altair's own validation."""
    spec: dict[str, Any] = chart.to_dict()
    return spec


def rows(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for data in spec.get("datasets", {}).values() for row in data]


def small_print(spec: dict[str, Any]) -> str:
    return " ".join(spec["title"]["subtitle"])


def texts(spec: dict[str, Any]) -> list[str]:
    """What is written in the chart."""
    svg = vl_convert.vegalite_to_svg(spec)
    return [text.replace("&lt;", "<") for text in re.findall(r"<text[^>]*>([^<]*)</text>", svg)]


def drawn_points(spec: dict[str, Any]) -> int:
    """How many points are drawn, without those of a legend."""
    marks = re.findall(r'<g class="mark-symbol role-mark.*?</g>', vl_convert.vegalite_to_svg(spec))
    return sum(mark.count("<path") for mark in marks)


def frame(*given: dict[str, Any], **types: Any) -> pl.DataFrame:
    """Rows; a column that is all null has the type given."""
    made = pl.DataFrame(list(given), infer_schema_length=None)
    return made.with_columns(
        pl.col(name).cast(types.get(name, pl.Float64))
        for name, kind in made.schema.items()
        if kind == pl.Null
    )


def rate(
    variant: str | None, share: float | None, low: float | None, **more: Any
) -> dict[str, Any]:
    """A row of `aggregates.pass_rate`."""
    method = "95 % interval: Wilson, 10 cases with one trial each"
    return {
        "variant": variant, "n_cases": 10, "n_trials": 12, "n_verdicts": 10, "n_passed": 7,
        "pass_rate": share, "ci_low": low, "ci_high": None if low is None else low + 0.3,
        "confidence": 0.95, "method": "no interval: 3 cases, at least 5 are needed"
        if low is None else method, **more,
    }  # fmt: skip


def test_a_pass_rate_has_its_interval_n_and_method() -> None:
    spec = drawn(charts.pass_rate(frame(rate("one", 0.7, 0.5), rate("two", 0.9, None))))
    said = small_print(spec)
    assert "20 trials with a verdict. 95 % interval: Wilson. No interval: 3 cases" in said
    assert "4 trials without a verdict left out." in said
    assert {"70% (50 to 80) · 10 cases", "90% · 10 cases"} <= set(texts(spec))
    lines = [layer for layer in spec["layer"] if "ci_low" in json.dumps(layer["encoding"])]
    assert [line["transform"][-1] for line in lines] == [{"filter": "isValid(datum.ci_low)"}]
    assert spec["description"].endswith(
        ": two 90.0%, no interval; one 70.0%, interval 50.0% to 80.0%."
    )
    many = drawn(charts.pass_rate(frame(*[rate(f"v{i:02}", i / 40, 0.0) for i in range(40)])))
    assert many["description"].count("%, interval ") == 12
    assert many["description"].endswith("; and 18 more.")
    assert many["description"].startswith("Pass rates with intervals, 30 of 40 rows: v39 97.5%")
    assert (
        "The first 30 of 40 rows are drawn. Those left out pass at most as often."
        in small_print(many)
    )


def test_rates_that_are_not_known_are_cut_before_those_that_are() -> None:
    unknown = [rate(f"u{i:02}", None, None, n_verdicts=0) for i in range(10)]
    known = [rate(f"v{i:02}", i / 40, None) for i in range(32)]
    spec = drawn(charts.pass_rate(frame(*unknown, *known)))
    order = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert order == [f"v{i:02}" for i in range(31, 1, -1)]
    left = "Those left out pass at most as often, but for 10 whose rate is not known."
    assert f"The first 30 of 42 rows are drawn. {left}" in small_print(spec)
    fewer = drawn(charts.pass_rate(frame(*unknown, *known[:25])))
    assert fewer["layer"][0]["encoding"]["y"]["scale"]["domain"][25:] == [
        f"u{i:02}" for i in range(5)
    ]
    assert "rows are drawn. Of those left out no rate is known." in small_print(fewer)


def test_rows_of_several_rates_are_cut_by_the_highest_and_say_so() -> None:
    each = [
        rate(variant, share, None, case_id=case)
        for cases, shares in ((20, (0.6, 0.0)), (5, (0.55, 0.55)))
        for case in [f"{shares[0]} {i:02}" for i in range(cases)]
        for variant, share in zip(("a", "b"), shares, strict=True)
    ]
    spec = drawn(charts.pass_rate(frame(*each)))
    left = "Those left out pass at most as often, by the highest rate of each."
    assert f"The first 20 of 25 rows are drawn. {left}" in small_print(spec)
    assert "intervals, 40 in 20 of 25 rows: 0.6 00, a 60.0%, no" in spec["description"]
    assert spec["description"].endswith("; and 28 more.")


def counted(case: str, k: int, n: int) -> dict[str, Any]:
    """A row of `aggregates.outcomes` of three trials a case."""
    return {"case_id": case, "n_trials": 3, "n_verdicts": n, "n_passed": k,
            "pass_rate": k / n if n else None}  # fmt: skip


def test_cases_never_judged_are_cut_before_those_that_fail() -> None:
    unjudged = [counted(f"a{i:02}", 0, 0) for i in range(40)]
    bars = drawn(charts.pass_rate(frame(*unjudged, counted("y", 3, 3), counted("z", 0, 3))))
    assert bars["layer"][0]["encoding"]["y"]["scale"]["domain"][:3] == ["z", "y", "a00"]
    assert "The first 30 of 42 rows are drawn. Of those left out no rate is known." in (
        small_print(bars)
    )
    told = "30 of 42 rows: 3 of 6 trials with a verdict passed in all. z 0 of 3; y 3 of 3; "
    assert f"{told}a00 none of 3 judged; " in bars["description"]
    assert "none of 3 judged" in texts(bars)
    passed = [counted(f"p{i:02}", 3, 3) for i in range(31)]
    mixed = drawn(charts.pass_rate(frame(*unjudged, *passed)))
    left = "Those left out pass at least as often, but for 40 whose rate is not known."
    assert f"The first 30 of 71 rows are drawn. {left}" in small_print(mixed)


def test_tiles_of_cases_never_judged_are_cut_before_those_that_fail() -> None:
    def trial(case: str, success: bool | None) -> dict[str, Any]:
        return {"run_id": "r", "case_id": case, "variant": "v", "trial": 1, "outcome": "failed",
                "success": success, "reason": None, "agent_ms": None, "cost_usd": None,
                "cost_at_least": None}  # fmt: skip

    unjudged = [trial(f"a{i:02}", None) for i in range(60)]
    each = frame(
        *unjudged, trial("z", False), trial("y", True), reason=pl.String, cost_at_least=pl.Boolean
    )
    spec = drawn(charts.outcomes(each))
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][:3] == ["z", "y", "a00"]
    out = "left out for want of room, among them all of"
    assert f"2 trials of 62 {out} 2 cases without a verdict." in small_print(spec)
    assert spec["description"] == (
        "Grid of 60 of 62 trials, 60 of 62 cases by 1 variant: 62 failed in all."
    )
    wide = frame(*[trial("a", True) | {"variant": f"{i:02}"} for i in range(81)],
                 reason=pl.String, cost_at_least=pl.Boolean)  # fmt: skip
    told = drawn(charts.outcomes(wide))["description"]
    assert told.startswith("Grid of 80 of 81 trials, 1 case by 80 of 81 variants: 81 failed in")
    passed = frame(*unjudged[:2], *[trial(f"p{i:02}", True) for i in range(61)],
                   reason=pl.String, cost_at_least=pl.Boolean)  # fmt: skip
    assert (
        f"{out} 1 case that passed at least as often and of 2 cases without a verdict."
        in small_print(drawn(charts.outcomes(passed)))
    )


def test_a_pass_rate_that_is_not_known_is_no_point() -> None:
    none = rate(None, None, None, n_verdicts=0, n_passed=0, n_cases=0)
    spec = drawn(charts.pass_rate(frame(rate("one", 0.0, None), none)))
    assert {"0% · 10 cases", "unknown"} <= set(texts(spec))
    assert drawn_points(spec) == 1
    assert (
        "No pass rate is known. None of 12 trials has a verdict."
        in drawn(charts.pass_rate(frame(none)))["description"]
    )


def price(model: str | None, usd: float | None, unpriced: int = 0, **more: Any) -> dict[str, Any]:
    """A row of `aggregates.cost`."""
    return {
        "model": model, "n_requests": 5, "n_sums": 0, "n_priced": 5 - unpriced,
        "n_unpriced": unpriced, "n_not_visible": 0, "cost_usd": usd, "reported_cost_usd": None,
        "price_sources": "computed" if usd is not None else None, **more,
    }  # fmt: skip


def test_a_cost_says_what_has_no_price() -> None:
    spec = drawn(
        charts.cost(
            frame(price("a", 2.5), price("b", 0.25, 2), price(None, None, 5), price("c", 0))
        )
    )
    assert {"$2.50", "at least $0.2500", "unknown", "$0.00"} <= set(texts(spec))
    assert "13 of 20 requests have a price, at list price; sums that leave some out" in small_print(
        spec
    )
    assert {row["row"]: row["n"] for row in rows(spec) if "part" in row} == {
        "a": 2.5,
        "b": 0.25,
        "c": 0,
    }


def test_costs_of_nobody_are_no_bar() -> None:
    for more in ({}, {"day": date(2026, 1, 1)}):
        spec = drawn(charts.cost(frame(price("a", None, 5, **more), price_sources=pl.String)))
        assert "No cost is known. None of 5 requests has a price." in spec["description"]
        free = texts(drawn(charts.cost(frame(price("a", 0.0, **more)))))
        assert {text for text in free if "$" in text} == {f"${n / 5:.2f}" for n in range(6)}


def test_costs_without_a_day_are_not_unknown_ones() -> None:
    undated, unpriced = price("a", 1.25, day=None), price("a", None, 5, day=date(2026, 1, 1))
    said = "Cost by day: The day of 1 row with a price is not known."
    assert drawn(charts.cost(frame(undated, day=pl.Date)))["description"] == said
    both = drawn(charts.cost(frame(undated, unpriced)))["description"]
    assert both == f"{said} None of 5 requests with a day has a price."


def test_cost_by_day_marks_what_is_a_lower_bound() -> None:
    days = [date(2026, 1, day) for day in (1, 2, 5)]
    spec = drawn(
        charts.cost(
            frame(
                price("a", 2.0, day=days[0]), price("b", 1.0, 1, day=days[0]),
                price("a", 3.0, day=days[1]), price("a", None, 5, day=days[2]),
                price("b", 1.0, day=None), day=pl.Date,
            )
        )
    )  # fmt: skip
    assert_over_the_axis(spec, 2)
    # What has no day is in no column.
    assert "5 Jan 2026: at least 6.0000 USD in all." in spec["description"]
    assert spec["title"]["text"] == "Cost by day"
    assert {row["from_ms"] // DAY - 20454: row["sign"] for row in rows(spec) if "sign" in row} == {
        0: "≥",
        4: "?",
    }
    sums = {
        (row["from_ms"] // DAY - 20454, row["series"]): row["n"] for row in rows(spec) if "n" in row
    }
    assert sums == {(0, "a"): 2.0, (0, "b"): 1.0, (1, "a"): 3.0}
    spans = {(row["series"], row["low"], row["high"]) for row in rows(spec) if "low" in row}
    assert spans == {("a", 0, 2), ("b", 2, 3), ("a", 0, 3)}
    assert "From 1 Jan 2026 to 5 Jan 2026, UTC. 1 row without a day left out." in small_print(spec)
    assert {"1 Jan", "2 Jan", "5 Jan"} <= set(texts(spec))


@pytest.mark.parametrize(
    ("length", "unit", "n"),
    [(1, "day", 1), (70, "day", 70), (71, "week", 11), (800, "month", 27), (4000, "year", 11)],
)
def test_many_days_are_weeks_months_or_years(length: int, unit: str, n: int) -> None:
    first = date(2026, 1, 1)  # a Thursday
    each = pl.DataFrame({"day": [first + timedelta(days=i) for i in range(length)]})
    days = days_of(each, "day")
    assert (days.unit, days.frame["from_ms"].n_unique()) == (unit, n)
    assert days.frame.height == length
    moments = pl.col("day").cast(pl.Datetime("ms")).dt.epoch("ms")
    assert days.frame.filter(
        (moments < pl.col("from_ms")) | (moments >= pl.col("to_ms"))
    ).is_empty()


def used(**more: Any) -> dict[str, Any]:
    """A row of `aggregates.tokens`."""
    return {
        "n_requests": 1, "n_sums": 0, "n_unknown": 0, "n_not_visible": 0, "prompt_tokens": 90,
        "uncached_tokens": 30, "cache_read_tokens": 60, "cache_write_tokens": 0,
        "completion_tokens": 10, "total_tokens": 100,
    } | more  # fmt: skip


def test_tokens_are_labelled_with_what_is_drawn() -> None:
    each = frame(
        used(model="even"),
        used(model="more", total_tokens=170),
        used(model="less", total_tokens=40, n_not_visible=1),
        used(model="none", total_tokens=None, n_unknown=1),
    )
    spec = drawn(charts.tokens(each))
    sums: dict[str, dict[str, int]] = {}
    for row in rows(spec):
        if "kind" in row:
            sums.setdefault(row["row"], {})[row["kind"]] = row["n"]
    kinds = {"input from cache": 60, "uncached input": 30, "output": 10}
    more = {**kinds, "kind unknown": 70}
    assert sums == {"even": kinds, "less": kinds, "more": more, "none": kinds}
    assert Counter(texts(spec)) >= Counter(["100", "170", "at least 100", "at least 100"])
    assert "In 1 row no total was told: the kinds that were are drawn and summed." in (
        small_print(spec)
    )
    assert "In 1 row the kinds add up to more than the total told: they are drawn and summed." in (
        small_print(spec)
    )
    assert "Sums that leave some out are lower bounds." in small_print(spec)
    assert "4 rows: at least 470 tokens in all" in spec["description"]
    exact = drawn(charts.tokens(each.head(2)))
    said = exact["description"] + small_print(exact)
    assert not re.search("at least|lower bound|add up|no total", said)


NONE = dict.fromkeys(("prompt_tokens", "uncached_tokens", "cache_read_tokens",
                      "cache_write_tokens", "completion_tokens", "total_tokens"))  # fmt: skip


def test_columns_of_tokens_without_a_value_or_a_type_say_so() -> None:
    zero = used(day=date(2026, 1, 1), **dict.fromkeys(NONE, 0))
    unknown, undated = used(day=date(2026, 1, 2), n_unknown=1, **NONE), used(day=None)
    spec = drawn(charts.tokens(frame(zero, unknown, undated)))
    assert spec["description"] == (
        "Tokens by day: What was told from 1 Jan 2026 to 2 Jan 2026 is 0. Told by 2 requests. "
        "1 of them did not say theirs. 1 row without a day left out."
    )
    for more in ({"model": "m"}, {"day": date(2026, 1, 1)}):
        untyped = pl.DataFrame([used(n_unknown=1, **NONE, **more)])
        assert untyped["total_tokens"].dtype == pl.Null
        assert "No request said how many" in drawn(charts.tokens(untyped))["description"]
        some = drawn(charts.tokens(untyped.with_columns(total_tokens=pl.lit(55))))
        assert "at least 55 tokens in all" in some["description"]


def test_tokens_by_day_mark_what_is_a_lower_bound() -> None:
    days = [date(2026, 1, day) for day in (1, 2, 3, 31)]
    spec = drawn(
        charts.tokens(
            frame(used(day=days[0], n_unknown=1), used(day=days[1]), used(day=None),
                  used(day=days[2], total_tokens=None, n_unknown=1),
                  used(day=days[3], n_unknown=1, **NONE))
        )
    )  # fmt: skip
    signs = {
        row["from_ms"] // DAY - 20454: (row["sign"], row["top"])
        for row in rows(spec)
        if "sign" in row
    }
    assert signs == {0: ("≥", 100), 2: ("≥", 100), 30: ("?", 0)}
    assert_over_the_axis(spec, 3)
    assert "1 Jan 2026 to 31 Jan 2026, UTC. 1 row without a day left out." in small_print(spec)
    assert "≥ above a column: a lower bound; ?: no request of that day said its tokens." in (
        small_print(spec)
    )
    assert "at least 300 tokens in all" in spec["description"]


def assert_over_the_axis(spec: dict[str, Any], n: int) -> None:
    """So many signs stand in the plot: it goes to the days without a value too."""
    svg = vl_convert.vegalite_to_svg(spec)
    at = re.findall(r'<text[^>]* transform="translate\(([\d.]+),[^>]*>[≥?]</text>', svg)
    assert len(at) == n
    assert all(0 < float(x) < spec["width"] for x in at)


def test_tokens_by_day() -> None:
    spec = drawn(charts.tokens(frame(*(used(day=date(2026, 1, day)) for day in (1, 2)))))
    assert spec["title"]["text"] == "Tokens by day"
    assert sorted((row["series"], row["n"]) for row in rows(spec) if row["from_ms"] == 20454 * DAY) == [
        ("input from cache", 60), ("output", 10), ("uncached input", 30),
    ]  # fmt: skip


def session(at: datetime | None, agent: str | None = "amp", **more: Any) -> dict[str, Any]:
    return {"agent": agent, "started_at": at, "ended_at": None, "status": "success",
            "cost_usd": None, "total_tokens": None, **more}  # fmt: skip


def test_sessions_stand_on_their_day_in_utc() -> None:
    late = datetime(2026, 1, 1, 23, 59, tzinfo=UTC)
    agents = [f"agent {i}" for i in range(9)]
    each = frame(*[session(late, agent) for agent in agents], session(late, agents[0]),
                 session(None), started_at=pl.Datetime("us", "UTC"))  # fmt: skip
    spec = drawn(charts.sessions(each))
    counts = {row["series"]: row["n"] for row in rows(spec)}
    assert counts == {agents[0]: 2, **dict.fromkeys(agents[1:7], 1), "all others": 2}
    assert {row["from_ms"] for row in rows(spec)} == {20454 * DAY}
    assert "10 sessions on 1 Jan 2026, UTC. 1 session without a start left out." in small_print(
        spec
    )
    assert "There are no sessions." in drawn(charts.sessions(each.clear()))["description"]
    assert "start of 1 session is not known" in drawn(charts.sessions(each.tail(1)))["description"]


def test_an_iteration_without_an_end_is_no_success() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    each = frame(session(now), session(now, status=None), session(now, status="timeout"),
                 session(now, status=None, ended_at=now))  # fmt: skip
    spec = drawn(charts.iterations(each))
    assert {row["series"]: row["n"] for row in rows(spec)} == {
        "success": 1,
        "no end": 1,
        "not told": 1,
        "timeout": 1,
    }
    tints = spec["encoding"]["color"]["scale"]
    assert len(set(tints["range"])) == 4
    assert "There are no iterations." in drawn(charts.iterations(each.clear()))["description"]


def trial_of(ms: float, success: bool | None, **more: Any) -> dict[str, Any]:
    """A row of `aggregates.trials`, as far as time and cost need it."""
    outcome = {True: "passed", False: "failed", None: "infra_error"}[success]
    return {"run_id": "r", "case_id": "c", "variant": "v", "trial": 1, "outcome": outcome,
            "success": success, "agent_ms": ms, "cost_usd": 0.1, "cost_at_least": False,
            **more}  # fmt: skip


def scattered(*given: dict[str, Any]) -> dict[str, Any]:
    return drawn(charts.time_and_cost(frame(*given, success=pl.Boolean)))


def marked(spec: dict[str, Any]) -> str:
    """The words that count and sum what is marked."""
    (said,) = [text for text in texts(spec) if "median" in text]
    return said.partition("  ")[0]


def test_only_what_was_judged_can_have_passed() -> None:
    passed, failed, untold = (trial_of(900, success) for success in (True, False, None))
    assert marked(scattered(untold)) == "1 trial"
    assert marked(scattered(failed)) == "1 trial, 0 passed"
    assert marked(scattered(passed, failed, untold)) == "3 trials, 1 of 2 judged passed"


def test_what_is_no_trial_is_called_a_session() -> None:
    none = {"case_id": None, "variant": None, "trial": None, "outcome": None}
    one, unknown = trial_of(900, None, **none), trial_of(900, None, cost_usd=None, **none)
    spec = drawn(
        charts.time_and_cost(
            pl.DataFrame([one, one, unknown], schema_overrides={"success": pl.Boolean})
        )
    )
    assert spec["title"]["text"] == "What a session takes"
    assert marked(spec) == "2 sessions"
    assert small_print(spec) == (
        "2 sessions, one point each. Drag over points to count and sum them. "
        "1 session not drawn: time or cost unknown."
    )
    assert spec["description"] == "Scatter of agent's time against cost, 2 sessions."
    assert not {"variant", "verdict", "not named", "not judged"} & set(texts(spec))
    both = scattered(one, trial_of(900, True))
    assert both["title"]["text"] == "What a trial or session takes"
    assert marked(both) == "2 trials and sessions, 1 of 1 judged passed"
    assert {row["outcome"] for row in rows(both)} == {"no trial", "passed"}
    drawn_trial = scattered(unknown, trial_of(900, True))
    assert drawn_trial["title"]["text"] == "What a trial takes"
    assert marked(drawn_trial) == "1 trial, 1 passed"
    assert small_print(drawn_trial).startswith("1 trial, one point each.")
    assert small_print(drawn_trial).endswith("1 session not drawn: time or cost unknown.")
    nothing = charts.time_and_cost(frame(unknown, success=pl.Boolean, trial=pl.Int64))
    assert "cost of 1 session is unknown" in drawn(nothing)["description"]


def spent(variant: str, **more: Any) -> dict[str, Any]:
    """A row of `aggregates.time_spent`."""
    return {
        "variant": variant, "n_sessions": 2, "n_iterations": 2, "n_agent_timed": 2, "agent_ms": 60e3,
        "n_split": 2, "tools_ms": 20e3, "model_ms": 40e3, "n_tests": 2, "n_tests_timed": 2,
        "tests_ms": 10e3, "n_whole": 2, "wall_ms": 75e3, "idle_ms": 5e3,
    } | more  # fmt: skip


def test_time_that_is_not_known_is_no_part() -> None:
    partly = spent("b", n_split=1, tools_ms=None, model_ms=None, n_whole=1, idle_ms=None, n_tests=3)
    nothing = spent("c", n_agent_timed=0, agent_ms=None, n_split=0, tools_ms=None, model_ms=None,
                    n_tests=0, n_tests_timed=0, tests_ms=None, n_whole=0, wall_ms=None, idle_ms=None)  # fmt: skip
    spec = drawn(charts.time_spent(frame(spent("a"), partly, nothing)))
    parts = {(row["row"], row["part"]): row["n"] for row in rows(spec) if "part" in row}
    assert parts == {
        ("a", "model, and agent itself"): 40e3, ("a", "tools"): 20e3,
        ("a", "success command"): 10e3, ("a", "in between"): 5e3,
        ("b", "agent, not told apart"): 60e3, ("b", "success command"): 10e3,
    }  # fmt: skip
    assert {"1 m 15 s · 2 sessions", "at least 1 m 10 s · 2 sessions", "unknown · 2 sessions"} <= {
        text.removeprefix("at least ") if "unknown" in text else text for text in texts(spec)
    }
    said = small_print(spec)
    assert "Sums over 6 sessions with 6 iterations." in said
    assert "Of 1 iteration the agent's time cannot be split." in said
    assert "Of 2 iterations no time is known. Of 1 test run no time is known." in said
    assert "not known of 3 sessions" in said
    assert (
        "time of 2 sessions is not known" in drawn(charts.time_spent(frame(nothing)))["description"]
    )


def compared(metric: str, **more: Any) -> dict[str, Any]:
    """A row of `aggregates.compare`."""
    return {
        "metric": metric, "mean_a": 0.5, "mean_b": 0.75, "difference": 0.25, "ci_low": 0.1,
        "ci_high": 0.4, "ratio": None, "ratio_low": None, "ratio_high": None, "confidence": 0.95,
        "p_value": 0.001, "p_holm": 0.004, "smallest_difference": 0.2, "n_cases": 20,
        "n_trials_a": 20, "n_trials_b": 20, "n_cases_left_out": 1, "n_trials_left_out": 0,
        "n_higher": 6, "n_lower": 1, "n_equal": 13,
        "method": "95 % interval: Student's t, cautious, paired, 20 cases with one trial each",
        "test": "exact McNemar test, 20 cases",
    } | more  # fmt: skip


def test_a_comparison_draws_points_and_ratios_about_one_line() -> None:
    each = frame(
        compared("pass_rate"),
        compared("cost_usd", ratio=0.5, ratio_low=0.4, ratio_high=0.625, p_holm=0.2),
        compared("agent_ms", difference=-1500.0, p_holm=None, p_value=None, n_cases=7),
        compared("total_tokens", mean_a=None, mean_b=None, difference=None, ci_low=None, n_cases=0),
    )
    spec = drawn(charts.compare(each, "low", "high"))
    assert spec["title"]["text"] == "high against low"
    written = set(texts(spec))
    assert {"+25.0 points (10.0 to 40.0)", "0.50 × (0.40 to 0.63)", "−1.5 s", "unknown"} <= written
    scales = re.findall(r'"domain": (\[-?[\d.]+, [\d.]+\])', json.dumps(spec))
    assert drawn_points(spec) == 2
    (low, high), (less, more) = map(json.loads, scales)
    assert low == -high
    assert less * more == pytest.approx(1)
    assert spec["description"].endswith(
        ": pass rate +25.0 percentage points, interval 10.0 to 40.0, a difference; cost 0.5 times,"
        " interval 0.4 to 0.625, may be chance; agent's time -1,500 ms, not tested; tokens unknown."
    )
    evidence = {row["metric"]: row["evidence"] for row in rows(spec) if "metric" in row}
    assert evidence["pass_rate"] == "a difference"
    assert evidence["cost_usd"] == "may be chance"
    assert evidence["agent_ms"] == "not tested"
    said = small_print(spec)
    assert "20 cases, 20 and 20 trials; Agent's time 7, Tokens 0." in said
    assert "of ratios Student's t on logarithms, of the pass rate Student's t, cautious." in said
    assert "Left out: 1 case." in said


def against() -> pl.DataFrame:
    """Two variants compared with a third; only the cost of one differs."""
    each = [
        compared(metric, variant=variant, p_holm=0.004 if (variant, metric) == cheap else 0.2,
                 **({} if metric == "pass_rate" else ratio))
        for variant in ("low", "mid")
        for metric in ("pass_rate", "cost_usd", "agent_ms", "total_tokens")
    ]  # fmt: skip
    return frame(*each)


cheap = ("mid", "cost_usd")
ratio = {"ratio": 0.5, "ratio_low": 0.4, "ratio_high": 0.625}


def test_several_variants_are_compared_in_one_picture() -> None:
    spec = drawn(charts.compare(against(), "high"))
    assert spec["title"]["text"] == "Each against high"
    written = set(texts(spec))
    assert {"low  +25.0 points (10.0 to 40.0)", "mid  0.50 × (0.40 to 0.63)"} <= written
    times = "0.5 times, interval 0.4 to 0.625"
    assert f"cost of low {times}, may be chance" in spec["description"]
    assert f"cost of mid {times}, a difference" in spec["description"]
    assert "The 2 pairs are not adjusted for each other." in small_print(spec)
    tint = next(c["scale"] for c in colours(spec) if c.get("field") == "variant")
    assert dict(zip(tint["domain"], tint["range"], strict=True)) == variant_colours(["low", "mid"])
    # A ring lies on each point that may be chance.
    assert drawn_points(spec) == 8 + 7
    none = against().with_columns(n_cases=pl.lit(0))
    assert "No case has a verdict" in drawn(charts.compare(none, "high"))["description"]


def test_a_comparison_of_other_metrics_and_of_a_variant_without_a_name_is_told() -> None:
    own = compared("retries", difference=48157.0)
    assert "retries +48,157, a difference" in drawn(charts.compare(frame(own)))["description"]
    unnamed = frame(compared("pass_rate", variant=None), compared("pass_rate", variant="x"))
    said = drawn(charts.compare(unnamed, "a"))["description"]
    assert "pass rate of not named +25.0 percentage points" in said


def colours(part: Any) -> Iterator[dict[str, Any]]:
    """The colour of each layer, however deep."""
    for layer in part.get("layer", []):
        yield layer.get("encoding", {}).get("color", {})
        yield from colours(layer)


def test_a_comparison_without_intervals_says_why() -> None:
    why = "no interval: 3 cases, at least 10 are needed"
    one = compared("pass_rate", ci_low=None, ci_high=None, method=why, n_cases=3)
    assert f"Pass rate, {why}." in small_print(drawn(charts.compare(frame(one))))
    cost = compared("cost_usd", ratio=1.2, ratio_low=1.1, ratio_high=1.3)
    said = small_print(drawn(charts.compare(frame(one, cost))))
    assert f"95 % intervals; of ratios Student's t on logarithms; of the pass rate {why}." in said
    none = drawn(charts.compare(frame(compared("pass_rate", n_cases=0))))
    assert "No case has a verdict on both sides." in none["description"]


def test_a_comparison_of_costs_says_nothing_of_the_pass_rate() -> None:
    why = "no interval: 7 cases, at least 20 are needed"
    cost = compared("cost_usd", ratio=1234.5, ratio_low=999.6, ratio_high=23456.0, method=why)
    for one in (frame(cost), frame({**cost, "variant": "low"})):
        spec = drawn(charts.compare(one))
        assert "95 % intervals; of ratios Student's t on logarithms. " in small_print(spec)
        assert not re.search("(?i)pass rate|no interval", small_print(spec))
        assert " 1,234 times, interval 1,000 to 23,456, a diff" in spec["description"]
    alone = frame({**cost, "ratio_low": None, "ratio_high": None})
    assert "trials. No intervals. A difference: " in small_print(drawn(charts.compare(alone)))
    # The method is that of the pass rate, wherever it stands.
    both = frame(cost, compared("pass_rate"))
    assert "on logarithms, of the pass rate Student's t, cautious." in small_print(
        drawn(charts.compare(both))
    )


def pair(case: str | None, a: int, b: int, out: str | None = None) -> dict[str, Any]:
    """A row of `aggregates.paired_cases`, of two trials a side."""
    return {
        "case_id": case, "repo": "r", "n_passed_a": a, "n_verdicts_a": 2, "pass_rate_a": a / 2,
        "n_no_verdict_a": 0, "n_passed_b": b, "n_verdicts_b": 2, "pass_rate_b": b / 2,
        "n_no_verdict_b": 0, "difference": None if out else (b - a) / 2, "left_out": out,
    }  # fmt: skip


def test_pairs_stand_from_lost_to_won_and_what_is_left_out_is_counted() -> None:
    each = frame(
        pair("same", 1, 1),
        pair("a won", 0, 2),
        pair("z lost", 2, 1),
        pair("gone", 2, 0, "only in A"),
    )
    spec = drawn(charts.paired_cases(each, "low", "high"))
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["z lost", "same", "a won"]
    assert {"2 of 2  →  1 of 2", "1 of 2  →  1 of 2", "0 of 2  →  2 of 2"} <= set(texts(spec))
    said = small_print(spec)
    assert "3 cases: high passes 1 more often than low, 1 less often, 1 the same." in said
    assert "Left out (A is low, B is high): 1 only in A." in said
    flipped = each.filter(pl.col("difference") != 0).drop("pass_rate_a", "pass_rate_b", "left_out")
    again = drawn(charts.flipped_cases(flipped, "low", "high"))
    assert again["layer"][0]["encoding"]["y"]["scale"]["domain"] == ["z lost", "a won"]
    assert "0 of 2  →  2 of 2" in texts(again)


def test_pairs_are_cut_to_those_that_differ_most() -> None:
    each = frame(*[pair(f"same {i}", 1, 1) for i in range(60)], pair("won", 0, 2))
    spec = drawn(charts.paired_cases(each, "one", "one"))
    order = spec["layer"][0]["encoding"]["y"]["scale"]["domain"]
    assert len(order) == 40
    assert order[-1] == "won"
    assert "21 more cases that differ less or not at all are not drawn." in small_print(spec)
    assert {"one (A)", "one (B)"} <= set(texts(spec))


def test_pairs_of_nothing_say_so() -> None:
    gone = frame(pair("gone", 2, 0, "only in A"), difference=pl.Float64)
    assert "Left out: 1 only in A." in drawn(charts.paired_cases(gone))["description"]
    assert "There are no cases." in drawn(charts.paired_cases(gone.clear()))["description"]
    none = gone.clear().drop("pass_rate_a", "pass_rate_b", "left_out")
    assert "No case has another verdict." in drawn(charts.flipped_cases(none))["description"]


def curve(n_cases: int, n_trials: int, least: float | None, *, ran: bool = False) -> dict[str, Any]:
    return {"metric": "pass_rate", "n_cases": n_cases, "n_trials": n_trials,
            "smallest_difference": least, "is_design": ran, "power": 0.8, "confidence": 0.95}  # fmt: skip


def test_a_power_curve_rings_what_was_run() -> None:
    lines = [curve(n, k, 1 / (n * k) ** 0.5) for k in (1, 3) for n in (10, 100)]
    each = frame(curve(6, 1, None), *lines, curve(24, 3, 0.12, ran=True))
    spec = drawn(charts.power_curve(each))
    assert {"1 trial", "3 trials", "12 points"} <= set(texts(spec))
    assert "What was run: 24 cases, 3 trials of each and side. Ring" in small_print(spec)
    assert not [row for row in rows(spec) if row["smallest_difference"] is None]
    once = drawn(charts.power_curve(frame(lines[0], lines[1], curve(10, 1, None, ran=True))))
    assert "nobody can tell what repeats would bring" in small_print(once)
    assert "Ring" not in small_print(once)
    none = drawn(charts.power_curve(frame(curve(5, 1, None, ran=True))))
    assert "No difference can be found." in none["description"]
    assert "There are no pairs." in drawn(charts.power_curve(each.clear()))["description"]


def test_what_went_wrong_is_coloured_by_outcome() -> None:
    each = frame(
        {"outcome": "failed", "reason": "tests failed", "n_trials": 3, "n_verdicts": 3},
        {"outcome": "timeout", "reason": "tests failed", "n_trials": 1, "n_verdicts": 1},
        {"outcome": None, "reason": None, "n_trials": 2, "n_verdicts": 0},
    )
    spec = drawn(charts.failures(each))
    parts = {(row["row"], row["part"]): row["n"] for row in rows(spec) if "part" in row}
    assert parts == {
        ("tests failed", "failed"): 3, ("tests failed", "timeout"): 1,
        ("(unfinished, no reason told)", "unfinished"): 2,
    }  # fmt: skip
    assert texts(spec).count("4") >= 1
    assert "6 trials that did not pass; 4 of them judge the agent." in small_print(spec)
    long = "the success command exited with 1, as it did before"
    whole = each.with_columns(reason=pl.lit(long)).head(1)
    assert long in texts(drawn(charts.failures(whole)))
    only = drawn(charts.failures(each.drop("reason")))
    assert {row["row"] for row in rows(only)} == {"failed", "timeout", "unfinished"}


def test_loops_say_what_was_left_of_them() -> None:
    def loop(path: str, edits: int, added: int | None, trial: int | None) -> dict[str, Any]:
        return {
            "case_id": None if trial is None else "case", "variant": None, "trial": trial,
            "session_id": "0123456789abcdef", "path": path, "n_edits": edits, "n_iterations": 1,
            "lines_added": 9, "lines_deleted": 9, "net_added": added, "net_deleted": added,
        }  # fmt: skip

    each = frame(
        loop("a", 5, 3, 1), loop("b", 4, 0, None), loop("c", 3, None, 2), variant=pl.String
    )
    spec = drawn(charts.edit_loops(each))
    assert {"5 edits · +3 −3 · case trial 1", "4 edits · undone · 0123456789ab",
            "3 edits · case trial 2"} <= set(texts(spec))  # fmt: skip
    assert {row["row"] for row in rows(spec)} == {
        "a · case trial 1", "b · 0123456789ab", "c · case trial 2",
    }  # fmt: skip
    assert "Of 1 file that is not known" in small_print(spec)


CLICKED: dict[str, Callable[[Any], Any]] = {
    "pass_rate": lambda _: charts.pass_rate(
        frame(rate("a", 0.5, 0.2, agent="x"), rate("b", 0.7, 0.4, agent="x"))
    ),
    "cost": lambda _: charts.cost(frame(price("m", 1.0, variant="a"), price("m", 2, variant="b"))),
    "cost by day": lambda _: charts.cost(
        frame(*(price(m, 1.0, day=date(2026, 1, 1)) for m in ("m", "n")))
    ),
    "time_spent": lambda _: charts.time_spent(frame(spent("a"))),
    "compare": lambda _: charts.compare(
        frame(compared("pass_rate"), compared("cost_usd", ratio=0.5, ratio_low=0.4, ratio_high=0.6,
                                              p_holm=0.2))
    ),
    "compare several": lambda _: charts.compare(against(), "high"),
    "cost by week": lambda _: charts.cost(
        frame(*(price(m, 1.0, day=date(2026, n, 1)) for m in ("m", "n") for n in range(1, 7)))
    ),
    "paired_cases": lambda _: charts.paired_cases(frame(pair("c", 0, 2), left_out=pl.String)),
    "timeline": lambda _: charts.timeline(
        frame(*({"lane": "Bash", "what": "ls", "start_ms": 0.0, "end_ms": 9.0, "duration_ms": 9.0,
                 "success": success} for success in (True, False)))
    ),
    "failures": lambda _: charts.failures(
        frame(*({"outcome": outcome, "reason": "r" * 99, "n_trials": 1, "n_verdicts": 1}
                for outcome in ("agent_error", "no_verdict", "infra_error", "timeout")))
    ),
    "outcomes": lambda con: charts.outcomes(aggregates.trials(con)),
    "time_and_cost": lambda con: charts.time_and_cost(aggregates.trials(con)),
    "pass_rate by case": lambda con: charts.pass_rate(aggregates.outcomes(con)),
}  # fmt: skip
FADED = """() => [...document.querySelectorAll("#chart .role-mark path, #chart .role-mark line")]
    .filter((mark) => ["0.15", "0.2"].includes(mark.getAttribute("opacity"))).length"""


@pytest.mark.usefixtures("enabled")
def test_a_click_on_a_legend_picks_its_words_and_no_chart_complains(sample: Any) -> None:
    script = gzip.decompress(base64.b64decode(bundle().packed)).decode()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path(), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 900, "height": 1200})
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.set_content("<div id=chart></div>")
        page.add_script_tag(content=script)
        for name, draw in CLICKED.items():
            spec = drawn(draw(sample))
            page.evaluate(
                "async (spec) => void await vegaEmbed('#chart', spec, {renderer: 'svg', ast: true})",
                spec,
            )
            assert page.evaluate(FADED) == 0, name
            page.locator("#chart .role-legend-label text").first.click(force=True)
            page.wait_for_function(f"({FADED})() > 0", timeout=10_000)
            assert said == [], name
        for name, make in (DRAWN | COMPARED).items():
            page.evaluate(
                "async (spec) => void await vegaEmbed('#chart', spec, {renderer: 'svg', ast: true})",
                drawn(make(sample)),
            )
            assert said == [], name
        three = scattered(trial_of(1, True), trial_of(900, None), trial_of(1000, False))
        page.evaluate(
            "async (spec) => void await vegaEmbed('#chart', spec, {renderer: 'svg', ast: true})",
            three,
        )
        of_marked = page.locator("#chart text", has_text="median")
        assert (of_marked.text_content() or "").startswith("3 trials, 1 of 2 judged passed  ")
        boxes = [each.bounding_box() for each in
                 page.locator("#chart .mark-symbol.role-mark path").all()]  # fmt: skip
        _, middle, last = sorted((box for box in boxes if box), key=lambda box: box["x"])
        # From left to right over one point, then two: one without a verdict, one that failed.
        for to, words_of in (
            (last["x"] - 10, "1 trial  "),
            (last["x"] + 15, "2 trials, 0 of 1 judged"),
        ):
            page.mouse.move(middle["x"] - 15, middle["y"] + 30)
            page.mouse.down()
            page.mouse.move(to, middle["y"] + 2, steps=4)
            page.mouse.up()
            of_marked.filter(has_text=re.compile(f"^{words_of}")).wait_for(timeout=10_000)
        assert said == []
        # Where its axis leaves a chart little width, no word of its legend is above its edge.
        page.evaluate("document.getElementById('chart').style.width = '500px'")
        spec = drawn(CLICKED["failures"](sample).properties(title=""))
        fluid = {"width": "container", "autosize": {"type": "fit-x", "contains": "padding"}}
        page.evaluate(
            "async (spec) => void await vegaEmbed('#chart', spec, {renderer: 'svg', ast: true})",
            spec | fluid,
        )
        words = page.locator("#chart .role-legend-label text")
        edge = page.locator("#chart svg.marks").bounding_box()
        tops = [box["y"] for each in words.all() if (box := each.bounding_box())]
        assert edge
        assert len(tops) == 3
        assert min(tops) >= edge["y"]
        browser.close()


def browser_path() -> str:
    try:
        return chromium()
    except CannotRunError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


def test_the_documentation_names_every_chart() -> None:
    text = (Path(__file__).parents[1] / "docs" / "charts.md").read_text()
    told = re.findall(r"^\| `(\w+)` \|.*\| `(\w+)\(", text, re.M)
    assert {chart for chart, _ in told} == set(charts.__all__)
    assert {aggregate for _, aggregate in told} <= set(aggregates.__all__)


def test_what_cannot_be_is_drawn_all_the_same() -> None:
    far = compared("cost_usd", ratio=1e-12, ratio_low=1e-200, ratio_high=1e3)
    name = "n" * 3000 + "</script>"
    spec = drawn(charts.compare(frame(compared("pass_rate"), far), name, name))
    assert "<path" in vl_convert.vegalite_to_svg(spec)
    ages = frame(
        session(datetime(1, 1, 1, tzinfo=UTC)), session(datetime(9999, 12, 31, tzinfo=UTC))
    )
    assert drawn(charts.sessions(ages))["title"]["text"] == "Sessions by year"


def test_charts_of_the_same_words_side_by_side_share_what_is_picked() -> None:
    with pytest.warns(UserWarning, match="deduplicated selection"):
        each = alt.hconcat(CLICKED["cost"](0), CLICKED["cost by day"](0), CLICKED["cost"](0),
                           CLICKED["time_spent"](0))  # fmt: skip
    spec = each.to_dict()
    names = [param["name"].rpartition("_")[0] for param in spec["params"]]
    assert names == ["picked_part", "picked_series", "picked_part"]
    assert len({param["name"] for param in spec["params"]}) == 3
    assert "<path" in vl_convert.vegalite_to_svg(spec)


def test_the_interval_is_that_of_the_aggregate(sample: Any) -> None:
    each = aggregates.pass_rate(sample)
    spec = drawn(charts.pass_rate(each))
    shown = {row["series"]: (row["pass_rate"], row["ci_low"], row["ci_high"]) for row in rows(spec)}
    assert shown == {row["variant"]: (row["pass_rate"], row["ci_low"], row["ci_high"])
                     for row in each.iter_rows(named=True)}  # fmt: skip
