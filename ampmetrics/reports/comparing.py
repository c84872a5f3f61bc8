"""Two sides next to each other: what came out, and whether they can be compared at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup, escape

from ampmetrics.reports.blocks import Block, caption_of
from ampmetrics.reports.columns import NULL, long_text
from ampmetrics.reports.format import count, duration, probability, rate, times, usd

if TYPE_CHECKING:
    import polars as pl

__all__ = ["comparable", "comparison"]

_Row = Mapping[str, Any]
_METRICS: dict[str, tuple[str, Callable[[float | None], str]]] = {
    "pass_rate": ("Pass rate", rate),
    "cost_usd": ("Cost of a trial", usd),
    "agent_ms": ("Agent's time", duration),
    "total_tokens": ("Tokens of a trial", count),
}
_ROLES = {
    "subject": "what is compared",
    "condition": "can be the reason",
    "design": "what it rests on",
}
_TYPICAL = (
    "In a typical case: how many times as much, the geometric mean of the cases' ratios; {:.6g} % "
    "interval, Student's t on logarithms. Where cases differ much in size it can point another way "
    "than the difference of the means, in which the large ones weigh most."
)
_NUMBER, _LONG, _NONE = Markup(" class=am-num"), Markup(" class=am-long"), Markup("")
_SHORT_TEXT = 28


def comparison(
    compared: pl.DataFrame, *, a: str = "A", b: str = "B", caption: str = "", note: str = ""
) -> Block:
    """`aggregates.compare` as a table: means, difference b - a, times as much, p-value, cases.

    How intervals and p-values were found folds below it. What there is none of is —, and that fold
    says why.
    """
    rows = compared.to_dicts()
    heads = ["", a, b, "Difference", "Interval", "In a typical case", "p, adjusted", "Cases",
             "Higher, lower, equal"]  # fmt: skip
    how = [f"{_METRICS[row['metric']][0]}: {row['method']}; {row['test']}." for row in rows]
    if any(row["ratio"] is not None for row in rows):
        how.append(_TYPICAL.format(100 * rows[0]["confidence"]))
    fold = Markup("<details class=am-how><summary>How this was found</summary>{}</details>").format(
        Markup("").join(Markup("<p class=am-small>{}</p>").format(each) for each in how)
    )
    said = f"Paired by case; every difference is {b} minus {a}. {note}".strip()
    html = Markup("<div class='am-table am-few'>{}{}{}</div>").format(
        caption_of(caption, said), _table(heads, map(_metric, rows), numbers=True), fold
    )
    return Block(html, "\n".join([caption or "Comparison", *how]))


def comparable(things: pl.DataFrame, *, a: str = "A", b: str = "B", caption: str = "") -> Block:
    """`aggregates.comparable` as a table of what differs or is not known, and what is the same."""
    rows = things.to_dicts()
    same = [row["what"] for row in rows if row["differs"] is False]
    dark = [row["what"] for row in rows if row["a"] is None and row["b"] is None]
    rest = [row for row in rows if row["differs"] is not False and row["what"] not in dark]
    differ = sorted(rest, key=lambda row: (row["differs"] is None, row["role"] == "design"))
    shown = (
        _table(["", a, b, "Differs", "What it is", "Note"], map(_thing, differ), numbers=False)
        if differ
        else Markup("<p class=am-small>Nothing that is known of them differs.</p>")
    )
    small = Markup("").join(
        Markup("<p class=am-small>{}: {}.</p>").format(said, ", ".join(names))
        for said, names in (("The same on both sides", same), ("Not known of either", dark))
        if names
    )
    html = Markup("<div class='am-table am-few'>{}{}{}</div>").format(
        caption_of(caption, ""), shown, small
    )
    lines = [f"{row['what']}: {row['a']} against {row['b']}" for row in differ]
    return Block(html, "\n".join([caption or "Can they be compared?", *lines]))


def _metric(row: _Row) -> list[Markup]:
    metric = row["metric"]
    name, write = _METRICS[metric]
    low, high = (_signed(metric, row[end]) for end in ("ci_low", "ci_high"))
    told = [
        *(None if row[side] is None else write(row[side]) for side in ("mean_a", "mean_b")),
        _signed(metric, row["difference"]),
        None if low is None else f"{low} to {high}",
        _times(row),
        None if row["p_holm"] is None else probability(row["p_holm"]),
        f"{row['n_cases']:,}",
        f"{row['n_higher']:,}, {row['n_lower']:,}, {row['n_equal']:,}",
    ]
    return [escape(name), *(NULL if text is None else escape(text) for text in told)]


def _times(row: _Row) -> str | None:
    """How many times a's the b is, with its interval."""
    if row["ratio"] is None:
        return None
    of = [
        times(row[name]) for name in ("ratio", "ratio_low", "ratio_high") if row[name] is not None
    ]
    return f"{of[0]} ×" + (f" ({of[1]} to {of[2]})" if len(of) == 3 else "")


def _signed(metric: str, value: float | None) -> str | None:
    """A difference: of rates in percentage points, else in the unit."""
    if value is None:
        return None
    sign = "+" if value > 0 else "−" if value < 0 else "±"
    if metric == "pass_rate":
        return f"{sign}{abs(value) * 100:.3g} pp"
    return f"{sign}{_METRICS[metric][1](abs(value))}"


def _thing(row: _Row) -> list[Markup]:
    sides = [NULL if row[side] is None else long_text(row[side]) for side in "ab"]
    differs = "not known" if row["differs"] is None else "yes"
    role = _ROLES.get(row["role"], row["role"])
    rest = [escape(text or "") for text in (differs, role, row["note"])]
    return [escape(row["what"]), *sides, *rest]


def _table(heads: Sequence[str], rows: Iterable[Sequence[Markup]], *, numbers: bool) -> Markup:
    """A table that is not sorted; with `numbers` all but its first column are such."""

    def side(column: int, cell: Markup = _NONE) -> Markup:
        if numbers:
            return _NUMBER if column else _NONE
        # On a narrow page a long text would be a column of single words.
        return _LONG if column and len(cell) > _SHORT_TEXT else _NONE

    head = Markup("").join(
        Markup("<th scope=col{}>{}</th>").format(side(i), name) for i, name in enumerate(heads)
    )
    body = Markup("").join(
        Markup("<tr>{}</tr>").format(
            Markup("").join(
                Markup("<td{}>{}</td>").format(side(i, each), each) for i, each in enumerate(row)
            )
        )
        for row in rows
    )
    return Markup(
        "<div class=am-scroll><table class=am-fixed><thead><tr>{}</tr></thead>"
        "<tbody>{}</tbody></table></div>"
    ).format(head, body)
