"""What a customer wants to buy."""

from dataclasses import dataclass, replace
from decimal import Decimal

from shop.pricing import line_total


@dataclass(frozen=True)
class Line:
    """One article in the cart."""

    sku: str
    name: str
    unit_price: Decimal
    quantity: int

    @property
    def total(self) -> Decimal:
        return line_total(self.unit_price, self.quantity)


class Cart:
    """The articles of one customer, in the order they were first added."""

    def __init__(self) -> None:
        self._lines: dict[str, Line] = {}

    def add(self, sku: str, name: str, unit_price: Decimal, quantity: int = 1) -> None:
        """Add an article; adding it again adds up the quantities."""
        if sku in self._lines:
            quantity += self._lines[sku].quantity
        self._lines[sku] = Line(sku, name, unit_price, quantity)

    def change(self, sku: str, quantity: int) -> None:
        """Set the quantity of an article that is in the cart."""
        self._lines[sku] = replace(self._lines[sku], quantity=quantity)

    def remove(self, sku: str) -> None:
        """Take an article out; nothing happens if it is not in the cart."""
        self._lines.pop(sku, None)

    def lines(self) -> list[Line]:
        return list(self._lines.values())

    def total(self) -> Decimal:
        return sum((line.total for line in self.lines()), Decimal("0"))
