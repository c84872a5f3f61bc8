"""Tokens of a model at a date → USD, or null with the reason why not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ampmetrics.pricing.file import PriceFile
from ampmetrics.pricing.listed import listed
from ampmetrics.pricing.rates import cost
from ampmetrics.pricing.use import prices_in_use

__all__ = ["Price", "price"]

_LONGEST_NAME = 200
"""an agent can say anything, and a name is looked up in all its parts"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a request costs, or why that is not known."""

    cost_usd: float | None
    """USD; null where it cannot be priced"""
    source: str
    """`computed` (list price), `user` (the user's price file), or the reason for no cost"""
    row: str | None
    """the price row: provider/model of the list, or file: pattern; null where none was used"""
    version: str | None
    """the price data that was used; null where none was"""


def price(
    model: str | None,
    at: datetime,
    *,
    uncached_tokens: int | None,
    cache_read_tokens: int | None,
    cache_write_tokens: int | None,
    completion_tokens: int | None,
    cache_write_1h_tokens: int | None = None,
    reasoning_tokens: int | None = None,
    is_sum: bool = False,
    prices: PriceFile | None = None,
) -> Price:
    """Price of one request, or with `is_sum` of many, at the prices of its date.

    `prices` (else the file in use) go before the list's. Cache counts that are null are taken as
    none written or read; input and output have to be known. Cache writes are those of 5 minutes
    but for `cache_write_1h_tokens` of them; reasoning is within the output. A sum has no price
    where the price depends on the size of each request.
    """
    if not model:
        return _none("the agent does not name the model")
    if uncached_tokens is None or completion_tokens is None:
        return _none("the tokens are not known")
    own = prices or prices_in_use()
    row = None
    if len(model) <= _LONGEST_NAME:
        row = (own.row(model, at) if own else None) or listed(model, at)
    if row is None:
        return _none(f"no price for model {model}")
    written, hours = cache_write_tokens or 0, cache_write_1h_tokens or 0
    thought = reasoning_tokens or 0
    tokens = {
        "input": uncached_tokens,
        "cache_read": cache_read_tokens or 0,
        "cache_write_5m": written - hours,
        "cache_write_1h": hours,
        "output": completion_tokens - thought,
        "reasoning": thought,
    }
    if min(tokens.values()) < 0:
        return _none("a part of the tokens is more than the whole")
    usd = cost(row, tokens, is_sum=is_sum)
    if isinstance(usd, str):
        return _none(usd)
    return Price(cost_usd=float(usd), source=row.source, row=row.name, version=row.version)


def _none(reason: str) -> Price:
    return Price(cost_usd=None, source=reason, row=None, version=None)
