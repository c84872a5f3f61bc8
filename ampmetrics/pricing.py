"""Tokens of a model at a date → USD at list price, or null with the reason why not.

Prices are those of the bundled data of genai-prices, offline. An estimate: discounts, credits and
an agent vendor's own billing are not in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

__all__ = ["Price", "price"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a request costs, or why that is not known."""

    cost_usd: float | None
    """USD; null where it cannot be priced"""
    source: str
    """`computed`, or the reason for no cost"""
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
) -> Price:
    """Price of one request at the list prices of its date.

    Cache counts that are null are taken as none written or read; input and output have to be
    known. A provider's prefix (`anthropic/…`) is dropped where the model is not found with it.
    """
    if not model:
        return _none("the agent does not name the model")
    if uncached_tokens is None or completion_tokens is None:
        return _none("the tokens are not known")
    from genai_prices import Usage, __version__, calc_price

    read, written = cache_read_tokens or 0, cache_write_tokens or 0
    usage = Usage(
        input_tokens=uncached_tokens + read + written,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=completion_tokens,
    )
    for name in dict.fromkeys((model, model.rpartition("/")[2])):
        try:
            found: Decimal = calc_price(usage, name, genai_request_timestamp=at).total_price
        except LookupError:
            continue
        return Price(
            cost_usd=float(found), source="computed", version=f"genai-prices {__version__}"
        )
    return _none(f"no price for model {model}")


def _none(reason: str) -> Price:
    return Price(cost_usd=None, source=reason, version=None)
