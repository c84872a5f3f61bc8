"""The stock. One Inventory is shared by all worker threads of the shop."""


class OutOfStock(Exception):
    """There is not enough of an article."""

    def __init__(self, sku: str, wanted: int, available: int) -> None:
        super().__init__(f"{sku}: {wanted} wanted, {available} available")
        self.sku = sku


class Inventory:
    """How many of each article can still be sold."""

    def __init__(self, stock: dict[str, int]) -> None:
        self._stock = dict(stock)

    def available(self, sku: str) -> int:
        return self._stock.get(sku, 0)

    def reserve(self, sku: str, quantity: int) -> None:
        """Take articles out of stock; OutOfStock if there are too few."""
        available = self.available(sku)
        if available < quantity:
            raise OutOfStock(sku, quantity, available)
        self._stock[sku] = available - quantity

    def release(self, sku: str, quantity: int) -> None:
        """Put articles back, for example after a cancelled order."""
        self._stock[sku] = self.available(sku) + quantity

    def reserve_all(self, wanted: dict[str, int]) -> None:
        """Reserve every article of an order, or none of them."""
        left = {}
        for sku, quantity in wanted.items():
            available = self.available(sku)
            if available < quantity:
                raise OutOfStock(sku, quantity, available)
            left[sku] = available - quantity
        self._stock.update(left)
