"""A comparison in plain sentences that say no more than it shows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import polars as pl

from ampmetrics.aggregates.reach import fewest_cases

__all__ = ["conclusion"]

_Row = dict[str, Any]


class _Words(NamedTuple):
    """How a metric is spoken of."""

    name: str
    more: str
    less: str
    form: Callable[[float], str]
    """an amount, without its sign and unit"""
    unit: str


def _short(amount: float) -> str:
    """Three digits, or all before the point."""
    return f"{amount:,.0f}" if amount >= 99.95 else f"{amount:.3g}"


_WORDS = {
    "pass_rate": _Words(
        "pass rate", "passes more often", "passes less often",
        lambda rate: f"{100 * rate:.1f}", "percentage points",
    ),
    "cost_usd": _Words("cost", "costs more", "costs less", _short, "USD a trial"),
    "agent_ms": _Words(
        "time", "takes more time", "takes less time", lambda ms: _short(ms / 1000), "s a trial"
    ),
    "total_tokens": _Words(
        "tokens", "uses more tokens", "uses fewer tokens", _short, "tokens a trial"
    ),
}  # fmt: skip


def conclusion(
    compared: pl.DataFrame,
    things: pl.DataFrame,
    *,
    a: str = "A",
    b: str = "B",
    shown: Callable[[str], str] = str,
) -> list[str]:
    """What the frames of `compare` and `comparable` come to, a few sentences a subject.

    The pass rate first, then the other metrics that differ, those in which no difference is shown
    together, what is left out, and what else than the subject could be the reason. A difference is
    called one where its Holm-adjusted p-value is at most 1 - confidence. Where none is, it is said
    which differences the design would have missed; it is never called equality. `a` and `b`: what
    the sides are called; `shown`: how these and values from the files are to be written.
    """
    a, b = shown(a), shown(b)
    rates, *others = compared.iter_rows(named=True)
    if rates["n_cases"] == 0:
        return [_nothing(rates), *_reasons(things, shown)]
    differ = [row for row in others if _differs(row)]
    alike = [row for row in others if row["n_cases"] and not _differs(row)]
    dark = [row for row in others if not row["n_cases"]]
    said = [
        _of_rates(rates, a, b),
        _flips(rates, b),
        *(_difference(row, a, b) for row in differ),
        _none_in(alike, a, b),
        _dark(dark),
        _left_out(rates, others),
        *_reasons(things, shown),
    ]
    return [sentence for sentence in said if sentence]


def _nothing(rates: _Row) -> str:
    left = _left_out(rates, ())
    return "Nothing can be compared: no case has a verdict on both sides." + f" {left}" * bool(left)


def _differs(row: _Row) -> bool:
    return row["p_holm"] is not None and bool(row["p_holm"] <= 1 - row["confidence"])


def _of_rates(rates: _Row, a: str, b: str) -> str:
    if _differs(rates):
        return _difference(rates, a, b)
    seen = f"{b} minus {a} is {_signed(rates['difference'], rates)} percentage points"
    return (
        f"No difference in pass rate is shown: {seen} ({_evidence(rates)}). "
        f"{_alone([rates])}{_missed([rates])}"
    )


def _difference(row: _Row, a: str, b: str) -> str:
    """What is shown to differ."""
    words = _WORDS[row["metric"]]
    does = words.more if row["difference"] > 0 else words.less
    by = f"{words.form(abs(row['difference']))} {words.unit}"
    return f"{b} {does} than {a}: by {by} ({_evidence(row)})."


def _evidence(row: _Row) -> str:
    """The interval (of the ratio, where there is one) and the p-value."""
    if row["ratio_low"] is not None:
        low, high = _short(row["ratio_low"]), _short(row["ratio_high"])
        interval = f"{_short(row['ratio'])} times in a typical case, {low} to {high}"
    elif row["ci_low"] is None:
        interval = row["method"]
    else:
        low, high = (_signed(row[end], row) for end in ("ci_low", "ci_high"))
        interval = f"{100 * row['confidence']:.6g} % interval {low} to {high}"
    return f"{interval}; {_p(row)}" if row["p_holm"] is not None else interval


def _none_in(rows: Sequence[_Row], a: str, b: str) -> str:
    """The metrics in which no difference is shown, in one breath."""
    if not rows:
        return ""
    each = [
        f"{_WORDS[row['metric']].name} ({_signed(row['difference'], row)} "
        f"{_WORDS[row['metric']].unit}{f', {_p(row)}' if row['p_holm'] is not None else ''})"
        for row in rows
    ]
    return (
        f"No difference is shown in {_listed(each, 'or')}, {b} minus {a}. {_alone(rows)}"
        f"{_missed(rows)}"
    )


def _p(row: _Row) -> str:
    p = row["p_holm"]
    return f"adjusted p {p:.2g}" if p >= 0.0001 else "adjusted p below 0.0001"


def _signed(difference: float, row: _Row) -> str:
    """With its sign, and without one where nothing is left of it."""
    text = _WORDS[row["metric"]].form(abs(difference))
    if not text.strip("0."):
        return text
    return f"{'−' if difference < 0 else '+'}{text}"


def _alone(rows: Sequence[_Row]) -> str:
    """Why interval or p-value may look as if there were a difference."""
    would = [row for row in rows if row["p_value"] is not None
             and row["p_value"] <= 1 - row["confidence"]]  # fmt: skip
    leave = [row for row in rows if row not in would and row["ci_low"] is not None
             and (row["ci_low"] > 0 or row["ci_high"] < 0)]  # fmt: skip
    said = ""
    if would:
        name = "it" if len(rows) == 1 else _named(would, "and")
        said += f"Alone {name} would be called one; of several metrics, one such is no surprise. "
    if leave:
        of = "" if len(rows) == 1 else f" of {_named(leave, 'and')}"
        said += f"The interval{of} leaves out 0, but the test decides. "
    return said


def _missed(rows: Sequence[_Row]) -> str:
    """What could be there all the same."""
    least = fewest_cases(rows[0]["confidence"])
    if all(row["n_cases"] < least for row in rows):
        return (
            f"That says nothing of equality: with fewer than {least} cases no difference could be "
            "shown, however large."
        )
    seen = [row for row in rows if row["smallest_difference"] is not None]
    if not seen:
        return "That does not make them equal: so few cases differ that larger ones may be missed."
    amounts = [
        f"{_WORDS[row['metric']].form(row['smallest_difference'])} {_WORDS[row['metric']].unit}"
        for row in seen
    ]
    true, smaller = (
        ("a true difference", "a smaller one")
        if len(seen) == 1
        else ("true differences", "smaller ones")
    )
    return (
        f"That does not make them equal: {true} of {_listed(amounts, 'or')} would be found 4 times "
        f"of 5, {smaller} less often."
    )


def _dark(rows: Sequence[_Row]) -> str:
    if not rows:
        return ""
    one = len(rows) == 1
    return (
        f"The {_named(rows, 'and')} cannot be compared: no case has {'it' if one else 'them'} "
        "known on both sides."
    )


def _named(rows: Iterable[_Row], word: str) -> str:
    return _listed([_WORDS[row["metric"]].name for row in rows], word)


def _listed(texts: Sequence[str], word: str) -> str:
    return f" {word} ".join(filter(None, [", ".join(texts[:-1]), texts[-1]]))


def _flips(rates: _Row, b: str) -> str:
    differ = rates["n_higher"] + rates["n_lower"]
    if not differ:
        return f"The verdict is the same in each of the {rates['n_cases']} cases."
    return (
        f"The verdict differs in {differ} of {rates['n_cases']} cases: {rates['n_higher']} better "
        f"for {b}, {rates['n_lower']} worse."
    )


def _left_out(rates: _Row, others: Iterable[_Row]) -> str:
    parts = [
        _number(n, noun)
        for n, noun in ((rates["n_cases_left_out"], "case"), (rates["n_trials_left_out"], "trial"))
        if n
    ]
    said = [f"Left out: {_listed(parts, 'and')}."] if parts else []
    more = [(_WORDS[row["metric"]].name, row["n_trials_left_out"] - rates["n_trials_left_out"])
            for row in others]  # fmt: skip
    unknown = [f"the {name} of {_number(n, 'trial')}" for name, n in more if n]
    if unknown:
        said.append(f"Not known, and so left out: {_listed(unknown, 'and')}.")
    return " ".join(said)


def _number(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


def _reasons(things: pl.DataFrame, shown: Callable[[str], str]) -> Iterator[str]:
    sample = things.filter(pl.col("what") == "recorded sample")
    if "yes" in (*sample["a"], *sample["b"]):
        yield "A recorded sample agent was run: these are the figures of no model."
    subject = things.filter(pl.col("role") == "subject", "differs")
    changed = [what for what in subject["what"] if what != "variant"]
    # What was asked for and what answered is one thing.
    if len({"model" if "model" in what else what for what in changed}) > 1:
        yield (
            f"More than one thing was changed ({', '.join(changed)}): which of them it is cannot "
            "be told."
        )
    conditions = things.filter(pl.col("role") == "condition")
    if differ := [_pair(row, shown) for row in conditions.filter("differs").iter_rows(named=True)]:
        yield f"The conditions differ, which can be the reason too: {'; '.join(differ)}."
    if unknown := conditions.filter(pl.col("differs").is_null())["what"].to_list():
        yield f"Whether these are alike is not known: {', '.join(unknown)}."


def _pair(row: _Row, shown: Callable[[str], str]) -> str:
    a, b = ("not known" if row[side] is None else shown(row[side]) for side in "ab")
    return f"{row['what']} ({a} against {b})"
