"""A text that is an amount → of what and how much, so that a table can sort by it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NamedTuple

__all__ = ["Amount", "amount", "amounts"]

_TIME = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}
_SCALE = {"k": 1e3, "M": 1e6, "G": 1e9}
_OURS = {"time", "$", "%", "", "of", "points", "USD"}
_PART = r"(?:[≥≤<>] ?)?(?:[±+−-] ?)?\$?\d[\d,]*(?:\.\d+)?%?(?: [A-Za-z]+)?"
_WHOLE = re.compile(rf"{_PART}(?: {_PART})*")
_PARTS = re.compile(
    r"(?:[≥≤<>] ?)?(?:[±+]|([−-]))? ?(\$?)(\d[\d,]*(?:\.\d+)?)(%?)(?: ([A-Za-z]+))?"
)
_BARE = re.compile(r"\d+(?:\.\d+)?")


class Amount(NamedTuple):
    """`1 m 04 s` is 64,000 of `time`, `12.3 k` is 12,300 of nothing that is named."""

    kind: str
    size: float


def amount(text: Any) -> Amount | None:
    """The amount that this is; of several, as in `5 of 6`, the first. null: it is none."""
    if not isinstance(text, str) or not _WHOLE.fullmatch(text):
        return None
    parts = _PARTS.findall(text)
    sign, dollar, digits, percent, unit = parts[0]
    number = float(digits.replace(",", ""))
    kind = dollar or percent or unit
    if all(part[-1] in _TIME for part in parts):
        kind = "time"
        number = sum(float(part[2].replace(",", "")) * _TIME[part[-1]] for part in parts)
    elif unit in _SCALE:
        kind, number = dollar, number * _SCALE[unit]
    return Amount(kind, -number if sign else number)


def amounts(values: Iterable[Any]) -> set[str] | None:
    """The kinds of amounts in a column of texts, where all are amounts; null may be among them.

    null: they are none. Neither where all are digits (these may be ids or years) nor where words
    that are no units of ours differ (`5 mini`, `4 turbo`).
    """
    known = [value for value in values if value is not None]
    found = list(map(amount, known))
    if None in found or all(map(_BARE.fullmatch, known)):
        return None
    # 0 is as much of one kind as of another.
    kinds = {each.kind for each in found if each and (each.size or each.kind)} or {""}
    return kinds if len(kinds) == 1 or kinds <= _OURS else None
