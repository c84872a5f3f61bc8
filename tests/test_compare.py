"""Comparing two sides: which cases are paired, the figures, what else differs, what is said."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from ampmetrics import aggregates, stats
from ampmetrics.aggregates.reach import mcnemar_power
from ampmetrics.errors import BadInputError
from ampmetrics.events import (
    Event,
    IterationEnd,
    IterationStart,
    LlmUsage,
    Outcome,
    Record,
    RunEnd,
    RunStart,
    TrialEnd,
    TrialStart,
    kind_of,
)
from ampmetrics.jsonl import RUN_FILE, EventFile
from ampmetrics.tables import connect

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HOST = {"system": "Linux", "machine": "x86_64", "cpus": 4, "memoryBytes": 16 << 30}
RUN = {
    "suite": "shop", "suite_hash": "5" * 64, "agent": "amp", "agent_is_sample": False,
    "repeats": 1, "concurrent": 2, "host": HOST, "ampmetrics_version": "1",
}  # fmt: skip
START = {
    "agent": "amp", "agent_version": "1.0", "model": "m", "repo": None, "base_commit": "c" * 40,
    "timeout_sec": 60.0, "suite": "shop", "variant_hash": "v" * 64,
}  # fmt: skip


class Results:
    """Writes what a run leaves behind, by ampmetrics' own writer."""

    def __init__(self, folder: Path, run_id: str = "r", **run: Any) -> None:
        self.folder, self.run_id = folder, run_id
        folder.mkdir(exist_ok=True)
        self._write(RUN_FILE, RunStart(**{**RUN, **run}))
        self._write(RUN_FILE, RunEnd(status="completed"))

    def trial(
        self, case: str, outcome: str | None = "passed", *, variant: str = "v", number: int = 1,
        cost: float | None = 1.0, ms: float | None = 1000.0, tokens: int | None = 100,
        also: LlmUsage | None = None, at: datetime = NOW, hidden: list[str] | None = None,
        **start: Any,
    ) -> Results:  # fmt: skip
        """One trial of one iteration, with a request or two; null outcome: it never ended."""
        ids = {"case_id": case, "variant": variant, "trial": number,
               "session_id": f"{self.run_id}-{case}-{variant}-{number}", "iteration_id": "i"}  # fmt: skip
        name = f"{case}-metrics.jsonl".replace("/", "_")
        self._write(name, TrialStart(**{"case_hash": case * 9, **START, **start}), at, **ids)
        self._write(name, IterationStart(iteration_number=1), at, **ids)
        usage = LlmUsage(
            model="m-1", scope="request", total_tokens=tokens, cost_usd=cost, price_version="p 1"
        )
        for each in (usage, also):
            if each is not None:
                self._write(name, each, at, **ids)
        ended = IterationEnd(
            iteration_number=1, status="success", duration_ms=ms, not_visible=hidden or []
        )
        self._write(name, ended, at, **ids)
        if outcome is not None:
            end = TrialEnd(outcome=outcome, success=Outcome(outcome).success, duration_ms=5.0)
            self._write(name, end, at + timedelta(seconds=9), **ids)
        return self

    def _write(self, name: str, record: Record, at: datetime = NOW, **ids: Any) -> None:
        event = {"session_id": None, "iteration_id": None, **ids}
        with EventFile(self.folder / name) as file:
            file.append(
                Event(type=kind_of(record), timestamp=at, run_id=self.run_id, data=record, **event)
            )


Connect = Callable[..., duckdb.DuckDBPyConnection]


@pytest.fixture
def opened() -> Iterator[Connect]:
    """Connects, and closes in the end."""
    cons = []

    def open_(*paths: Path) -> duckdb.DuckDBPyConnection:
        cons.append(connect(paths))
        return cons[-1]

    yield open_
    for con in cons:
        con.close()


def row(frame: pl.DataFrame, value: str, column: str = "metric") -> dict[str, Any]:
    return frame.row(by_predicate=pl.col(column) == value, named=True)


def variants(folder: Path, a: str, b: str, **both: Any) -> Results:
    """Variants a and b, their verdicts by case as letters: p passed, f failed, . no verdict."""
    results = Results(folder)
    words = {"p": "passed", "f": "failed", ".": "no_verdict"}
    for variant, verdicts in (("a", a), ("b", b)):
        for place, letter in enumerate(verdicts):
            results.trial(f"c{place:02}", words[letter], variant=variant, **both)
    return results


# Which cases are compared.
def test_a_case_of_one_side_only_or_without_a_verdict_is_left_out_and_says_why(
    tmp_path: Path, opened: Connect
) -> None:
    results = variants(tmp_path, "pp.p", "pf")
    results.trial("c02", "failed", variant="b").trial("c04", "infra_error", variant="b")
    results.trial("c04", "passed", variant="a").trial("c05", None, variant="a")
    results.trial("c05", "cancelled", variant="b")
    found = aggregates.paired_cases(opened(tmp_path), "a", "b")
    assert found["case_id"].to_list() == [f"c0{n}" for n in range(6)]
    assert found["left_out"].to_list() == [
        None, None, "no verdict in A", "only in A", "no verdict in B", "no verdict in A and B",
    ]  # fmt: skip
    assert found["difference"].to_list() == [0, -1, None, None, None, None]
    assert found["n_no_verdict_b"].to_list() == [0, 0, 0, 0, 1, 1]
    compared = row(aggregates.compare(opened(tmp_path), "a", "b"), "pass_rate")
    assert (compared["n_cases"], compared["n_trials_a"], compared["n_trials_b"]) == (2, 2, 2)
    assert (compared["n_cases_left_out"], compared["n_trials_left_out"]) == (4, 7)


def test_a_case_with_the_same_id_and_another_definition_is_compared_only_when_asked(
    tmp_path: Path, opened: Connect
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    Results(a, "1").trial("x").trial("y", case_hash="old").trial("z", case_hash=None)
    Results(b, "2").trial("x").trial("y", "failed", case_hash="new").trial("z")
    con = opened(a, b)
    found = aggregates.paired_cases(con, a, b)
    assert found["left_out"].to_list() == [None, "another case: its definition changed", None]
    told = row(aggregates.comparable(con, a, b), "case definitions", "what")
    assert (told["differs"], told["role"], told["note"]) == (True, "design", "left out: y")
    assert row(aggregates.compare(con, a, b), "pass_rate")["n_cases"] == 2
    assert aggregates.flipped_cases(con, a, b).height == 0
    how = {"changed_cases": True}
    assert aggregates.flipped_cases(con, a, b, **how)["case_id"].to_list() == ["y"]
    assert row(aggregates.compare(con, a, b, **how), "pass_rate")["n_cases"] == 3
    told = row(aggregates.comparable(con, a, b, **how), "case definitions", "what")
    assert (told["role"], told["note"]) == ("condition", "compared: y")


def test_trials_that_were_run_again_and_copies_of_a_file_count_once(
    tmp_path: Path, opened: Connect
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    Results(a, "1").trial("x", "cancelled")
    Results(a, "2", resumes="1").trial("x", "passed", at=NOW + timedelta(hours=1))
    Results(b, "3").trial("x", "failed")
    (b / "copy.jsonl").write_bytes((b / "x-metrics.jsonl").read_bytes())
    found = aggregates.paired_cases(opened(a, b), a, b).row(0, named=True)
    assert (found["n_passed_a"], found["n_verdicts_a"], found["n_no_verdict_a"]) == (1, 1, 0)
    assert (found["n_passed_b"], found["n_verdicts_b"], found["n_no_verdict_b"]) == (0, 1, 0)
    told = row(aggregates.comparable(opened(a, b), a, b), "trials read more than once", "what")
    assert (told["a"], told["b"], told["differs"]) == ("0", "1", True)


def test_sides_are_variants_runs_with_those_that_go_on_with_them_folders_files_or_all_of_these(
    tmp_path: Path, opened: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b = tmp_path / "a", tmp_path / "ab"
    Results(a, "1").trial("x", variant="high").trial("x", "failed", variant="low")
    Results(a, "2", resumes="1").trial("y", variant="high", at=NOW + timedelta(hours=1))
    Results(b, "3").trial("x", "failed", variant="high").trial("y", variant="high")
    con = opened(a, b)

    def judged(one: Any, other: Any) -> list[tuple[str, int, int]]:
        found = aggregates.paired_cases(con, one, other)
        return found.select("case_id", "n_verdicts_a", "n_verdicts_b").rows()

    assert judged("low", "high") == [("x", 1, 2), ("y", 0, 2)]
    # Either of the two names the run, as it went on.
    assert judged("1", "3") == judged("2", "3") == [("x", 2, 1), ("y", 1, 1)]
    assert judged(a, b) == judged(str(a), str(b)) == judged("1", "3")
    assert judged((a, "high"), b) == [("x", 1, 1), ("y", 1, 1)]
    assert judged(a / "y-metrics.jsonl", b) == [("x", 0, 1), ("y", 1, 1)]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(b)
    assert judged("a", "link") == judged(a, b)


def test_a_side_without_a_trial_and_a_trial_on_both_sides_are_refused(
    tmp_path: Path, opened: Connect
) -> None:
    a, copy = tmp_path / "a", tmp_path / "copy"
    Results(a).trial("x", variant="high").trial("x", variant="low")
    copy.mkdir()
    for file in a.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    con = opened(a, copy)
    with pytest.raises(BadInputError, match=r"'medium' has no trial: name .*\(high, low\)"):
        aggregates.compare(con, "high", "medium")
    with pytest.raises(BadInputError, match="2 trials of .* are in .* too"):
        aggregates.compare(con, a, copy)
    with pytest.raises(BadInputError, match="1 trial of 'high' are in"):
        aggregates.comparable(opened(a), "high", "r")
    with pytest.raises(BadInputError, match="confidence is 95"):
        aggregates.compare(con, (a, "high"), (copy, "low"), confidence=95)


def test_what_has_no_run_id_is_nobodys_copy(tmp_path: Path, opened: Connect) -> None:
    folders = tmp_path / "a", tmp_path / "b"
    for folder, outcome in zip(folders, ("passed", "failed"), strict=True):
        results = Results(folder)
        results.run_id = None  # type: ignore[assignment]
        results.trial("x", outcome)
    found = aggregates.paired_cases(opened(*folders), *folders).row(0, named=True)
    assert (found["n_passed_a"], found["n_passed_b"], found["left_out"]) == (1, 0, None)


# The figures.
def test_pass_rates_are_tested_by_mcnemar_and_the_other_metrics_by_permutation(
    tmp_path: Path, opened: Connect
) -> None:
    from scipy.stats import binomtest, permutation_test

    results = Results(tmp_path)
    drawn = random.Random(1)
    cost: dict[str, list[float]] = {"a": [], "b": []}
    for place in range(24):
        for variant in "ab":
            cost[variant].append(drawn.uniform(0.5, 1.5) + 0.2 * (variant == "b"))
            passed = place >= (2 if variant == "b" else 9)
            results.trial(
                f"c{place:02}", "passed" if passed else "failed", variant=variant,
                cost=cost[variant][-1], ms=2000.0, tokens=100 + place,
            )  # fmt: skip
    found = aggregates.compare(opened(tmp_path), "a", "b")
    assert found["metric"].to_list() == ["pass_rate", "cost_usd", "agent_ms", "total_tokens"]
    rates, costs, times, _ = found.iter_rows(named=True)
    assert (rates["mean_a"], rates["mean_b"]) == (15 / 24, 22 / 24)
    assert rates["difference"] == pytest.approx(7 / 24)
    assert (rates["n_higher"], rates["n_lower"], rates["n_equal"]) == (7, 0, 17)
    assert rates["p_value"] == pytest.approx(binomtest(7, 7).pvalue)
    assert rates["ci_low"] < 7 / 24 < rates["ci_high"]
    assert rates["test"] == "exact McNemar test, 24 cases"
    differences = [b - a for a, b in zip(cost["a"], cost["b"], strict=True)]
    assert costs["difference"] == pytest.approx(sum(differences) / 24)
    by_scipy = permutation_test(
        (cost["a"], cost["b"]), lambda a, b: (b - a).mean(), permutation_type="samples",
        vectorized=False, n_resamples=3000, rng=2,
    )  # fmt: skip
    assert costs["p_value"] == pytest.approx(by_scipy.pvalue, abs=0.03)
    logs = [math.log(b / a) for a, b in zip(cost["a"], cost["b"], strict=True)]
    assert costs["ratio"] == pytest.approx(math.exp(sum(logs) / 24))
    assert (times["difference"], times["p_value"], times["mean_a"]) == (0, 1, 2000)
    assert rates["ratio"] is None
    # Holm by hand: the smallest of four times four, the next times three.
    least, next_ = sorted(found["p_value"])[:2]
    assert sorted(found["p_holm"])[:2] == pytest.approx([4 * least, max(4 * least, 3 * next_)])


def test_each_case_counts_the_same_however_often_it_was_tried(
    tmp_path: Path, opened: Connect
) -> None:
    results = Results(tmp_path)
    for number, outcome in enumerate(("passed", "failed", "failed", "passed"), 1):
        results.trial("x", outcome, variant="a", number=number)
    results.trial("x", variant="b").trial("y", "failed", variant="a").trial("y", variant="b")
    con = opened(tmp_path)
    rates = row(aggregates.compare(con, "a", "b"), "pass_rate")
    assert (rates["mean_a"], rates["mean_b"], rates["difference"]) == (0.25, 1, 0.75)
    assert (rates["n_cases"], rates["n_trials_a"], rates["n_trials_b"]) == (2, 5, 2)
    flipped = aggregates.flipped_cases(con, "a", "b")
    assert flipped.rows() == [("x", 2, 4, 1, 1, 0.5), ("y", 0, 1, 1, 1, 1.0)]


@pytest.mark.parametrize(
    "unknown",
    [
        {"cost": None},
        {"also": LlmUsage(model="m-2", scope="request", total_tokens=5)},
        {"also": LlmUsage(scope="not_visible")},
    ],
    ids=["no price", "one without a price", "one not visible"],
)
def test_a_cost_that_is_not_wholly_known_is_left_out_and_counted(
    tmp_path: Path, opened: Connect, unknown: dict[str, Any]
) -> None:
    results = variants(tmp_path, "ppp", "ppp", cost=2.0)
    results.trial("c03", variant="a", **unknown).trial("c03", variant="b", cost=50.0)
    # A second trial of a case, whose cost is known: that one is enough.
    results.trial("c00", variant="a", number=2, **unknown)
    con = opened(tmp_path)
    found = aggregates.compare(con, "a", "b")
    rates, costs = row(found, "pass_rate"), row(found, "cost_usd")
    assert (rates["n_cases"], rates["n_trials_a"], rates["n_trials_left_out"]) == (4, 5, 0)
    assert (costs["mean_a"], costs["mean_b"], costs["n_cases"]) == (2, 2, 3)
    assert (costs["n_cases_left_out"], costs["n_trials_left_out"]) == (1, 3)
    said = aggregates.conclusion(found, aggregates.comparable(con, "a", "b"))
    assert "Not known, and so left out: the cost of 3 trials" in " ".join(said)


def test_what_nobody_knows_is_null_and_said(tmp_path: Path, opened: Connect) -> None:
    variants(tmp_path, "pf", "pp", cost=None, ms=None, tokens=None)
    con = opened(tmp_path)
    found = aggregates.compare(con, "a", "b")
    for metric in ("cost_usd", "agent_ms", "total_tokens"):
        told = row(found, metric)
        assert told["n_cases"] == 0
        for name in ("mean_a", "difference", "p_value", "p_holm", "smallest_difference"):
            assert told[name] is None
        assert told["test"] == "no test: no case has trials on both sides"
    # A metric that was not tested does not count for Holm.
    assert row(found, "pass_rate")["p_holm"] == row(found, "pass_rate")["p_value"]
    said = aggregates.conclusion(found, aggregates.comparable(con, "a", "b"))
    why = "no case has them known on both sides."
    assert f"The cost, time and tokens cannot be compared: {why}" in said


def test_the_columns_are_the_same_where_nothing_is_compared(
    tmp_path: Path, opened: Connect
) -> None:
    full, empty = tmp_path / "full", tmp_path / "empty"
    full.mkdir()
    empty.mkdir()
    variants(full, "pf", "ff")
    Results(empty).trial("x", variant="a").trial("y", variant="b")
    for ask in (aggregates.compare, aggregates.comparable, aggregates.paired_cases,
                aggregates.flipped_cases, aggregates.power):  # fmt: skip
        frames = [ask(opened(folder), "a", "b") for folder in (full, empty)]
        assert frames[0].schema == frames[1].schema
        assert frames[1].height or ask is aggregates.flipped_cases
    con = opened(empty)
    found, things = aggregates.compare(con, "a", "b"), aggregates.comparable(con, "a", "b")
    assert found["n_cases"].to_list() == [0] * 4
    assert aggregates.conclusion(found, things)[0] == (
        "Nothing can be compared: no case has a verdict on both sides. "
        "Left out: 2 cases and 2 trials."
    )


def test_cases_of_one_repository_are_taken_together_where_there_are_enough_repositories(
    tmp_path: Path, opened: Connect
) -> None:
    folders = [tmp_path / str(n) for n in (20, 3)]
    for folder, repos in zip(folders, (20, 3), strict=True):
        results = Results(folder)
        for place in range(40):
            for variant in "ab":
                # All of a repository flip together.
                passed = variant == "b" or place % repos % 2
                results.trial(f"c{place:02}", "passed" if passed else "failed", variant=variant,
                              repo=f"r{place % repos}")  # fmt: skip
    many, few = (row(aggregates.compare(opened(f), "a", "b"), "pass_rate") for f in folders)
    by_case = stats.paired_pass_rate([0, 1] * 20, [1] * 40, [1] * 40, [1] * 40).difference
    assert by_case.low is not None
    assert many["ci_low"] < by_case.low
    assert "in 20 clusters" in many["method"]
    assert "in 20 clusters" in many["test"]
    assert few["method"].endswith("; for cases of these 3 repositories")
    assert few["test"] == "exact McNemar test, 40 cases"


# What a design can see.
def test_the_smallest_difference_is_one_that_the_test_finds_4_times_of_5(
    tmp_path: Path, opened: Connect
) -> None:
    variants(tmp_path, "p" * 18 + "pf", "p" * 18 + "fp")
    smallest = row(aggregates.compare(opened(tmp_path), "a", "b"), "pass_rate")[
        "smallest_difference"
    ]
    drawn, found = random.Random(3), 0
    for _ in range(4000):
        n_up = sum(drawn.random() < smallest for _ in range(20))
        found += n_up > 0 and 2 * 0.5**n_up <= 0.05
    assert found / 4000 == pytest.approx(0.8, abs=0.03)


def test_the_power_of_the_exact_test_is_that_of_all_that_it_calls_significant() -> None:
    from scipy.stats import binomtest, multinomial

    up, down, n = 0.45, 0.1, 12
    expected = sum(
        float(multinomial.pmf([i, j, n - i - j], n, [up, down, 1 - up - down]))
        for i in range(n + 1)
        for j in range(n + 1 - i)
        if i + j and binomtest(i, i + j).pvalue <= 0.05
    )
    assert mcnemar_power(n, up, down, 0.95) == pytest.approx(expected)


def test_power_says_how_many_cases_or_repeats_a_difference_takes(
    tmp_path: Path, opened: Connect
) -> None:
    single, repeated = tmp_path / "1", tmp_path / "4"
    single.mkdir()
    variants(single, "ppppppffff", "ppppppfppf")
    results, drawn = Results(repeated), random.Random(4)
    for place in range(30):
        for variant in "ab":
            for number in range(1, 5):
                outcome = "passed" if drawn.random() < 0.5 else "failed"
                results.trial(f"c{place}", outcome, variant=variant, number=number)
    one = row(aggregates.power(opened(single), "a", "b", {"pass_rate": 0.2}), "pass_rate")
    assert (one["n_cases"], one["n_trials"], one["trials_needed"]) == (10, 1, None)
    # As many flips as were seen, 2 of 10, all one way.
    needed = one["cases_needed"]
    assert mcnemar_power(needed, 0.2, 0, 0.95) >= 0.8 > mcnemar_power(needed - 1, 0.2, 0, 0.95)
    # More flips than the difference takes: most of them take each other back.
    variants(tmp_path, "pppppfffff", "fffpppfffp")
    more = aggregates.power(opened(*tmp_path.glob("*.jsonl")), "a", "b", {"pass_rate": -0.2})
    needed = row(more, "pass_rate")["cases_needed"]
    assert (
        mcnemar_power(needed, 0.35, 0.15, 0.95) >= 0.8 > mcnemar_power(needed - 5, 0.35, 0.15, 0.95)
    )
    with_costs = aggregates.power(opened(repeated), "a", "b", {"pass_rate": 0.15, "cost_usd": 1.0})
    four = row(with_costs, "pass_rate")
    assert (four["n_cases"], four["n_trials"], four["difference"]) == (30, 4, 0.15)
    assert four["cases_needed"] > 30
    assert four["trials_needed"] > 4
    assert four["smallest_difference"] > 0.15
    # All costs are the same: nothing is known of their spread.
    assert row(with_costs, "cost_usd")["cases_needed"] is None
    assert row(with_costs, "agent_ms")["difference"] is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"speed": 1.0}, "no metric 'speed': choose from pass_rate"),
        ({"pass_rate": 0.0}, "0.0 is no difference to find"),
        ({"pass_rate": 1.5}, "1.5 is no difference to find"),
        ({"cost_usd": math.nan}, "nan is no difference to find"),
    ],
)
def test_power_refuses_a_difference_that_cannot_be(
    tmp_path: Path, opened: Connect, asked: dict[str, float], message: str
) -> None:
    variants(tmp_path, "pf", "pp")
    with pytest.raises(BadInputError, match=message):
        aggregates.power(opened(tmp_path), "a", "b", asked)


def test_with_too_few_cases_no_difference_can_be_seen_and_that_is_said(
    tmp_path: Path, opened: Connect
) -> None:
    results = Results(tmp_path)
    for place in range(5):
        results.trial(f"c{place}", "failed", variant="a", cost=1.0 + place, tokens=place)
        results.trial(f"c{place}", variant="b", cost=9.0, ms=place * 7.0)
    con = opened(tmp_path)
    found = aggregates.compare(con, "a", "b")
    assert found["smallest_difference"].to_list() == [None] * 4
    assert row(found, "pass_rate")["p_value"] == 0.0625
    said = aggregates.conclusion(found, aggregates.comparable(con, "a", "b"), a="old", b="new")
    assert said[0].startswith(
        "No difference in pass rate is shown: new minus old is +100.0 percentage points"
    )
    assert "with fewer than 6 cases no difference could be shown, however large" in said[0]


# Whether they can be compared.
def test_all_that_two_runs_were_run_with_is_listed_with_what_differs(
    tmp_path: Path, opened: Connect
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    Results(a, "1").trial("x").trial("y").trial("only a").trial("z", "infra_error").trial(
        "x", "infra_error", number=2, model="other"
    )
    host = {**HOST, "cpus": 8, "memoryBytes": (16 << 30) + 5000}
    Results(b, "2", concurrent=8, host=host, suite_hash="6" * 64).trial(
        "x", agent_version="2.0", timeout_sec=90.0, at=NOW + timedelta(days=40), hidden=["titles"]
    ).trial("x", number=2).trial("y", base_commit="d" * 40).trial("z")
    con = opened(a, b)
    things = aggregates.comparable(con, a, b)
    told = {what: (x, y, differs) for what, x, y, differs, *_ in things.iter_rows()}
    assert told == {
        "suite": ("shop", "shop", False),
        "suite file": ("555555555555", "666666666666", True),
        "cases": ("4", "3", True),
        "case definitions": ("3 of 3 the same", "3 of 3 the same", False),
        "trials": ("5", "4", True),
        "trials read more than once": ("0", "0", False),
        "trials of a case": ("1", "1, 2", True),
        "days (UTC)": ("2026-01-02", "2026-01-02, 2026-02-11", True),
        "ampmetrics": ("1", "1", False),
        "variant": ("v", "v", False),
        "agent": ("amp", "amp", False),
        "agent version": ("1.0", "1.0, 2.0", True),
        "model asked for": ("m", "m", False),
        "model that answered": ("m-1", "m-1", False),
        "program, arguments, env": ("vvvvvvvvvvvv", "vvvvvvvvvvvv", False),
        "recorded sample": ("no", "no", False),
        "base commit": ("cccccccccccc", "cccccccccccc, dddddddddddd", True),
        "timeout (s)": ("60", "60, 90", True),
        "concurrency": ("2", "8", True),
        "system": ("Linux x86_64", "Linux x86_64", False),
        "cpus": ("4", "8", True),
        "memory": ("16.0 GiB", "16.0 GiB", False),
        # Planned was one trial of each case.
        "trials beyond the plan": ("0", "1", True),
        "trials without a verdict": ("2", "0", True),
        "requests never shown": ("none", "none, titles", True),
        "price data": ("p 1", "p 1", False),
    }
    assert row(things, "cases", "what")["note"] == "only in A: only a"
    assert row(things, "base commit", "what")["note"] == "in y"
    assert row(things, "timeout (s)", "what")["note"] == "in x"
    said = " ".join(aggregates.conclusion(aggregates.compare(con, a, b), things))
    assert "The conditions differ, which can be the reason too: base commit" in said
    assert "concurrency (2 against 8); cpus (4 against 8)" in said
    assert "not known" not in said


def test_what_one_side_does_not_know_is_not_known_to_be_the_same(
    tmp_path: Path, opened: Connect
) -> None:
    a, b = tmp_path / "a", tmp_path / "b"
    Results(a, "1").trial("x").trial("y", agent_version=None)
    nothing = {"host": None, "concurrent": None, "repeats": None, "agent_is_sample": None}
    Results(b, "2", **nothing).trial("x", timeout_sec=None).trial("y", case_hash=None)
    con = opened(a, b)
    things = aggregates.comparable(con, a, b)
    for what in ("agent version", "timeout (s)", "concurrency", "system", "cpus", "memory",
                 "case definitions", "trials beyond the plan", "recorded sample"):  # fmt: skip
        assert row(things, what, "what")["differs"] is None
    assert row(things, "agent version", "what")["a"] == "1.0, not known"
    assert row(things, "cpus", "what")["b"] is None
    said = aggregates.conclusion(aggregates.compare(con, a, b), things)
    assert said[-1].startswith("Whether these are alike is not known: case definitions, timeout")


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        ({"variant_hash": "w" * 64}, True),
        ({"variant_hash": "w" * 64, "model": "n"}, None),
        ({"variant_hash": "w" * 64, "agent": "codex"}, None),
        ({}, False),
    ],
)
def test_arguments_and_env_differ_where_the_hash_does_and_agent_and_model_do_not(
    tmp_path: Path, opened: Connect, other: dict[str, str], differs: bool | None
) -> None:
    Results(tmp_path).trial("x", variant="a").trial("x", variant="b", **other)
    things = aggregates.comparable(opened(tmp_path), "a", "b")
    assert row(things, "program, arguments, env", "what")["differs"] is differs


# What is said.
def said_of(con: duckdb.DuckDBPyConnection) -> list[str]:
    found, things = aggregates.compare(con, "a", "b"), aggregates.comparable(con, "a", "b")
    return aggregates.conclusion(found, things, a="old", b="new")


def test_a_difference_is_called_one_where_it_is(tmp_path: Path, opened: Connect) -> None:
    variants(tmp_path, "f" * 15 + "p" * 15, "p" * 30)
    said = said_of(opened(tmp_path))
    assert said[0].startswith(
        "new passes more often than old: by 50.0 percentage points (95 % interval +"
    )
    assert said[0].endswith("; adjusted p 0.00024).")
    assert said[1] == "The verdict differs in 15 of 30 cases: 15 better for new, 0 worse."


def test_no_difference_shown_is_never_called_equality(tmp_path: Path, opened: Connect) -> None:
    same, mixed = tmp_path / "same", tmp_path / "mixed"
    same.mkdir()
    mixed.mkdir()
    variants(same, "p" * 20, "p" * 20)
    variants(mixed, "pf" * 15, "p" * 15 + "f" * 15)
    for folder in (same, mixed):
        con = opened(folder)
        said = said_of(con)
        smallest = row(aggregates.compare(con, "a", "b"), "pass_rate")["smallest_difference"]
        assert said[0].startswith("No difference in pass rate is shown: new minus old is 0.0 ")
        assert said[0].endswith(
            f"That does not make them equal: a true difference of {100 * smallest:.1f} percentage "
            "points would be found 4 times of 5, a smaller one less often."
        )
    assert said_of(opened(same))[1] == "The verdict is the same in each of the 20 cases."


def test_metrics_without_a_difference_are_told_together_with_a_true_minus(
    tmp_path: Path, opened: Connect
) -> None:
    results = variants(tmp_path, "p" * 12 + "f" * 12, "p" * 24)
    for place in range(24, 36):
        for variant, cost in (("a", 2.0 + place / 100), ("b", 1.0 + place / 90)):
            # Half the cost in every case; the time now more, now less.
            ms = 1000.0 + (variant == "b") * (-1) ** place * place
            results.trial(f"c{place}", variant=variant, cost=cost, ms=ms)
    said = said_of(opened(tmp_path))
    assert said[2].startswith("new costs less than old: by 0.")
    assert said[3].startswith("No difference is shown in time (")
    assert " or tokens (0 tokens a trial" in said[3]
    assert said[3].count("That does not make them equal") == 1
    assert "-" not in "".join(said)


def test_what_only_looks_like_one_among_several_metrics_is_not_called_one(
    tmp_path: Path, opened: Connect
) -> None:
    # 6 of 6: 0.031 alone, and four metrics were looked at.
    results = variants(tmp_path, "f" * 6 + "p" * 14, "p" * 20)
    con = opened(results.folder)
    rates = row(aggregates.compare(con, "a", "b"), "pass_rate")
    assert rates["p_value"] == 0.03125
    assert rates["p_holm"] == 0.125
    said = said_of(con)
    assert said[0].startswith("No difference in pass rate is shown")
    assert "Alone it would be called one; of several metrics, one such is no surprise." in said[0]


def test_that_more_than_one_thing_was_changed_and_that_no_model_was_asked_is_said(
    tmp_path: Path, opened: Connect
) -> None:
    Results(tmp_path, agent_is_sample=True).trial("x", variant="a").trial(
        "x", variant="b", agent_version="2", model="n"
    )
    said = said_of(opened(tmp_path))
    assert "A recorded sample agent was run: these are the figures of no model." in said
    assert (
        "More than one thing was changed (agent version, model asked for): which of them it is "
        "cannot be told." in said
    )
    Results(tmp_path / "one").trial("x", variant="a").trial("x", variant="b", model="n")
    assert not any("More than one" in line for line in said_of(opened(tmp_path / "one")))


def test_event_files_of_anybody_are_compared_without_an_accident(
    tmp_path: Path, opened: Connect
) -> None:
    lines = [
        {"type": kind, "timestamp": "2026-01-02T03:04:05Z", "runId": run, "caseId": case,
         "variant": variant, "trial": trial, "sessionId": "s", "data": data}
        for run, variant in (("r", "a"), (None, "b"))
        for case in ("x", None, "")
        for trial in (1, None)
        for kind, data in (
            ("trial_start", {"timeoutSec": "soon", "caseHash": 5}),
            ("trial_end", {"outcome": "odd", "success": True}),
        )
    ]  # fmt: skip
    lines.append({"type": "run_start", "timestamp": "x", "runId": "r",
                  "data": {"host": ["no host"], "repeats": "many"}})  # fmt: skip
    (tmp_path / "odd.jsonl").write_text("\n".join(map(json.dumps, lines)))
    con = opened(tmp_path)
    cases = aggregates.paired_cases(con, "a", "b")
    assert cases["case_id"].to_list() == ["", "x", None]
    assert cases["left_out"].to_list() == [None, None, "its id is not known"]
    assert aggregates.comparable(con, "a", "b").height == 26
    assert row(aggregates.compare(con, "a", "b"), "pass_rate")["n_cases"] == 2
    assert said_of(con)
