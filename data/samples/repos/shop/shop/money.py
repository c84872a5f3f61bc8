"""Amounts of money: Decimal, in a currency with two decimal places."""

from decimal import Decimal, InvalidOperation

CENT = Decimal("0.01")


def parse_amount(text: str) -> Decimal:
    """Read "1,234.50" or "12"; ValueError if that is not an amount."""
    try:
        amount = Decimal(text.strip().replace(",", ""))
    except InvalidOperation:
        raise ValueError(f"not an amount: {text!r}") from None
    if not amount.is_finite():
        raise ValueError(f"not an amount: {text!r}")
    return amount


def format_amount(amount: Decimal) -> str:
    """Write an amount for people: "1,234.50"."""
    return f"{amount:,.2f}"


def round_cents(amount: Decimal) -> Decimal:
    """Round to whole cents."""
    return Decimal(str(round(float(amount), 2)))


def tax_on(net: Decimal, percent: Decimal) -> Decimal:
    """The tax on a net amount, in whole cents."""
    return round_cents(net * percent / 100)


def split_evenly(total: Decimal, parts: int) -> list[Decimal]:
    """Split an amount into instalments of whole cents."""
    if parts < 1:
        raise ValueError("at least one part")
    return [round_cents(total / parts)] * parts
