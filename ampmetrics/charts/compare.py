"""Whether one side is better than the other: each metric's difference with its interval."""

from __future__ import annotations

from typing import Any

import polars as pl

from ampmetrics.charts.forest import CHANCE, SHOWN, UNTESTED, forest
from ampmetrics.charts.frame import UNNAMED, Chart, framed, listed, names_of, nothing, number
from ampmetrics.charts.given import from_frame

__all__ = ["compare"]

_NAMES = {
    "pass_rate": "Pass rate",
    "cost_usd": "Cost",
    "agent_ms": "Agent's time",
    "total_tokens": "Tokens",
}
_WRITTEN = {
    "cost_usd": "{:+,.4f} USD",
    "agent_ms": "{:+,.0f} ms",
    "total_tokens": "{:+,.0f}",
}


@from_frame
def compare(frame: pl.DataFrame, a: str = "A", b: str = "B") -> Chart:
    """A point and an interval a metric, from `aggregates.compare`: how b differs from a.

    The pass rate is drawn as a difference in percentage points, the other metrics as how many
    times a's the b of a typical case is; right of the line in the middle b has more. A metric
    without a ratio has no point, and its difference is written. A difference is called one where
    its adjusted p-value says so. `a` and `b`: what the sides are called.

    Frames of several variants, each compared with a, may stand below one another, told apart by a
    column `variant`: then a metric has a point a variant, in the variant's colour.
    """
    several = "variant" in frame.columns
    title = f"Each against {a}" if several else f"{b} against {a}"
    if frame["n_cases"].sum() == 0:
        return nothing(title, "No case has a verdict on both sides.")
    variant = pl.col("variant").fill_null(UNNAMED) if several else pl.lit(b)
    rows = _rows(frame.with_columns(variant.alias("variant")))
    names = names_of(rows, "variant")
    metrics = number(rows["metric"].n_unique(), "metric")
    return framed(
        forest(rows, names, several=several),
        title,
        _of_several(frame) if several else _small_print(frame),
        f"Differences with intervals, {metrics} of {', '.join(names)} against {a}: "
        f"{_described(rows, several=several)}.",
        rows["metric"].n_unique() * (17 * len(names) + 20 if several else 44),
    )


def _rows(frame: pl.DataFrame) -> pl.DataFrame:
    shown = pl.when(pl.col("p_holm") <= 1 - pl.col("confidence")).then(pl.lit(SHOWN))
    chance = pl.when(pl.col("p_holm").is_not_null()).then(pl.lit(CHANCE))
    return frame.select(
        "variant", "metric", pl.col("metric").replace(_NAMES).alias("row"), "mean_a", "mean_b",
        "difference", "ci_low", "ci_high", "ratio", "ratio_low", "ratio_high", "p_value", "p_holm",
        "n_cases", "method", "test",
        shown.otherwise(chance.otherwise(pl.lit(UNTESTED))).alias("evidence"),
    )  # fmt: skip


def _small_print(frame: pl.DataFrame) -> list[str]:
    rows = {row["metric"]: row for row in frame.iter_rows(named=True)}
    first = next(iter(rows.values()))
    fewer = [
        f"{_NAMES.get(name, name)} {row['n_cases']:,}"
        for name, row in rows.items()
        if row["n_cases"] != first["n_cases"]
    ]
    left = [
        number(first[f"n_{noun}s_left_out"], noun)
        for noun in ("case", "trial")
        if first[f"n_{noun}s_left_out"]
    ]
    return [
        f"Paired by case: {number(first['n_cases'], 'case')}, {first['n_trials_a']:,} and "
        f"{number(first['n_trials_b'], 'trial')}{'; ' * bool(fewer)}{', '.join(fewer)}.",
        _intervals(frame),
        "A difference: its p-value, adjusted for all metrics (Holm), is at most "
        f"{1 - first['confidence']:.2g}.",
        f"Left out: {' and '.join(left)}." if left else "",
    ]


def _of_several(frame: pl.DataFrame) -> list[str]:
    rates = frame.unique("variant", keep="first", maintain_order=True)
    least, most = int(rates["n_cases"].min()), int(rates["n_cases"].max())  # type: ignore[arg-type]
    cases = number(most, "case") if least == most else f"{least:,} to {number(most, 'case')}"
    confidence = float(rates["confidence"][0])
    return [
        f"Each paired by case: {cases}.",
        _intervals(frame),
        "Filled: a difference, its p-value, adjusted for the metrics of its pair (Holm), is at "
        f"most {1 - confidence:.2g}. Hollow: it may be chance. The {rates.height:,} pairs are not "
        "adjusted for each other.",
    ]


def _intervals(frame: pl.DataFrame) -> str:
    """How the intervals that are drawn were made; of the pass rate, why there is none."""
    rates = frame.filter(pl.col("metric") == "pass_rate")
    ways = {way if way.startswith("no ") else way.partition(": ")[2].partition(", paired")[0]
            for way in rates["method"].drop_nulls().unique()}  # fmt: skip
    way = ways.pop() if len(ways) == 1 else ""
    none = way.startswith("no ")
    if not frame["ratio_low"].count() + rates["ci_low"].count():
        return f"Pass rate, {way}." if none else "No intervals."
    ratios = "of ratios Student's t on logarithms" if frame["ratio_low"].count() else ""
    rate = f"of the pass rate {way}" if way else ""
    told = ("; " if none else ", ").join(filter(None, (ratios, rate)))
    return f"{100 * frame['confidence'][0]:.6g} % intervals{'; ' * bool(told)}{told}."


def _described(rows: pl.DataFrame, *, several: bool) -> str:
    """Each metric's difference in words, and whether it is one."""
    return listed(
        [
            f"{row['row'][:1].lower()}{row['row'][1:]}"
            f"{' of ' + row['variant'] if several else ''} {_figures(row)}"
            for row in rows.iter_rows(named=True)
        ]
    )


def _figures(row: dict[str, Any]) -> str:
    """As beside the point: percentage points, else the ratio, else the difference itself."""
    evidence = row["evidence"]
    if row["difference"] is None:
        return "unknown"
    if row["metric"] == "pass_rate":
        low, high = (
            None if row[c] is None else f"{100 * row[c]:.1f}" for c in ("ci_low", "ci_high")
        )
        told = f"{100 * row['difference']:+.1f} percentage points"
    elif row["ratio"] is None:
        form = _WRITTEN.get(row["metric"], "{:+,.6g}")
        return f"{form.format(row['difference'])}, {evidence}"
    else:
        low, high = (
            None if row[c] is None else _short(row[c]) for c in ("ratio_low", "ratio_high")
        )
        told = f"{_short(row['ratio'])} times"
    between = "no interval" if low is None else f"interval {low} to {high}"
    return f"{told}, {between}, {evidence}"


def _short(ratio: float) -> str:
    """Three digits, or all before the point."""
    return f"{ratio:,.0f}" if ratio >= 999.5 else f"{ratio:.3g}"
