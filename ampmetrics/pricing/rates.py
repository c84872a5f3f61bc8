"""A row of a price list, and what tokens cost by it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

__all__ = ["Rates", "Row", "cost"]

_INPUT = ("input", "cache_read", "cache_write_5m", "cache_write_1h")
_WORDS = {
    "input": "input",
    "cache_read": "cache reads",
    "cache_write_5m": "5-minute cache writes",
    "cache_write_1h": "1-hour cache writes",
    "output": "output",
    "reasoning": "reasoning",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """USD per million tokens of each class; null where the list does not price them."""

    above: int
    """holds for requests with more input than this, the cache in it"""
    input: Decimal | None
    cache_read: Decimal | None
    cache_write_5m: Decimal | None
    """of the writes that are not told apart too: five minutes are what providers take unasked"""
    cache_write_1h: Decimal | None
    output: Decimal | None
    """without reasoning"""
    reasoning: Decimal | None
    request: Decimal
    """USD of the request itself"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Prices of a model at a date."""

    name: str
    """model in the list that it comes from"""
    source: str
    """`computed`: a list price; `user`: from the user's file"""
    version: str
    rates: tuple[Rates, ...]
    """by the size of the input, the smallest first"""


def cost(row: Row, tokens: Mapping[str, int], *, is_sum: bool) -> Decimal | str:
    """USD of tokens by class (the names of Rates), or the reason why it is not known.

    `is_sum`: they are those of an unknown number of requests.
    """
    size = sum([tokens[name] for name in _INPUT])
    rates = row.rates[0]
    for one in row.rates:
        rates = one if size > one.above else rates
    if is_sum and (rates is not row.rates[0] or rates.request):
        return f"a sum of {size} input tokens, and the price depends on each request"
    total = Decimal(0)
    for name, count in tokens.items():
        if count:
            rate: Decimal | None = getattr(rates, name)
            if rate is None:
                return f"no price for {_WORDS[name]} in {row.name}"
            total += count * rate
    return total / 1_000_000 + rates.request
