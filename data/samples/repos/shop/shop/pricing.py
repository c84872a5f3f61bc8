"""Bulk discounts: the more of one article, the cheaper each one."""

from decimal import Decimal

from shop.money import round_cents

# From this many of one article, this many percent off.
TIERS = (
    (10, Decimal("5")),
    (50, Decimal("10")),
    (100, Decimal("15")),
)


def discount_percent(quantity: int) -> Decimal:
    """The discount on `quantity` of one article."""
    percent = Decimal("0")
    for minimum, tier_percent in TIERS:
        if quantity > minimum:
            percent = tier_percent
    return percent


def line_total(unit_price: Decimal, quantity: int) -> Decimal:
    """What `quantity` of one article costs, discount taken off."""
    gross = unit_price * quantity
    return round_cents(gross - gross * discount_percent(quantity) / 100)


def missing_for_next_tier(quantity: int) -> int | None:
    """How many more of the article bring the next discount; None at the top."""
    for minimum, _ in TIERS:
        if quantity <= minimum:
            return minimum - quantity + 1
    return None
