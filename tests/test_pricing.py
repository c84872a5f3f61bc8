"""Prices: list price at the date, or null and why."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ampmetrics.pricing import price

NOW = datetime(2026, 11, 1, tzinfo=UTC)
TOKENS = {
    "uncached_tokens": 10,
    "cache_read_tokens": 12416,
    "cache_write_tokens": 367,
    "completion_tokens": 8,
}


@pytest.mark.parametrize(
    "model", ["claude-sonnet-4-5-20250929", "anthropic/claude-sonnet-4-5-20250929"]
)
def test_reads_and_writes_of_the_cache_have_their_own_price(model: str) -> None:
    found = price(model, NOW, **TOKENS)
    # List prices of Claude Sonnet 4.5, USD per million: 3 input, 0.30 read, 3.75 write, 15 output.
    by_hand = (10 * 3 + 12416 * 0.30 + 367 * 3.75 + 8 * 15) / 1e6
    assert found.cost_usd == pytest.approx(by_hand, rel=1e-9)
    assert found.source == "computed"
    assert found.version is not None
    assert found.version.startswith("genai-prices ")


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        (None, "does not name the model"),
        ("", "does not name the model"),
        ("no-such-model-9", "no price for model no-such-model-9"),
        ("<synthetic>", "no price for model <synthetic>"),
    ],
)
def test_a_model_without_a_price_costs_unknown_and_not_0(model: str | None, reason: str) -> None:
    found = price(model, NOW, **TOKENS)
    assert found.cost_usd is None
    assert reason in found.source
    assert found.version is None


@pytest.mark.parametrize("missing", ["uncached_tokens", "completion_tokens"])
def test_tokens_that_are_not_known_cost_unknown(missing: str) -> None:
    found = price("claude-sonnet-4-5", NOW, **(TOKENS | {missing: None}))
    assert found.cost_usd is None
    assert "tokens are not known" in found.source


def test_no_cache_is_none_read_and_none_written() -> None:
    without = price("claude-sonnet-4-5", NOW, uncached_tokens=1000, cache_read_tokens=None,
                    cache_write_tokens=None, completion_tokens=100)  # fmt: skip
    assert without.cost_usd == pytest.approx((1000 * 3 + 100 * 15) / 1e6)
