"""From the cart to the invoice."""

from decimal import Decimal

from shop.cart import Cart
from shop.inventory import Inventory
from shop.invoice import Invoice

TAX_PERCENT = Decimal("19")


def checkout(cart: Cart, inventory: Inventory, number: str, customer: str) -> Invoice:
    """Reserve everything in the cart and write the invoice.

    OutOfStock, with the stock as it was, if any article is short.
    """
    lines = cart.lines()
    if not lines:
        raise ValueError("the cart is empty")
    inventory.reserve_all({line.sku: line.quantity for line in lines})
    return Invoice(number, customer, lines, TAX_PERCENT)


def cancel(invoice: Invoice, inventory: Inventory) -> None:
    """Put the goods of a cancelled invoice back into stock."""
    for line in invoice.lines:
        inventory.release(line.sku, line.quantity)
