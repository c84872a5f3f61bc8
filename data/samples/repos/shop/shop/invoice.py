"""An invoice, and its text for the e-mail to the customer."""

from dataclasses import dataclass
from decimal import Decimal

from shop import textpad
from shop.cart import Line
from shop.money import format_amount, tax_on
from shop.pricing import discount_percent


@dataclass(frozen=True)
class Invoice:
    number: str
    customer: str
    lines: list[Line]
    tax_percent: Decimal
    paid: Decimal = Decimal("0")


def render_invoice(invoice: Invoice) -> str:
    """The invoice as plain text, 48 columns wide."""
    out = []
    # head
    out.append("Invoice " + invoice.number)
    out.append("for " + invoice.customer)
    out.append("=" * 48)
    # lines
    net = Decimal("0")
    for line in invoice.lines:
        name = textpad.pad_right(line.name, 26)
        quantity = textpad.pad_left(str(line.quantity), 6)
        amount = textpad.pad_left(format_amount(line.total), 16)
        out.append(name + quantity + amount)
        percent = discount_percent(line.quantity)
        if percent > 0:
            out.append("  incl. " + str(percent) + "% bulk discount")
        net = net + line.total
    out.append("-" * 48)
    # totals
    tax = tax_on(net, invoice.tax_percent)
    gross = net + tax
    label = textpad.pad_right("Net", 32)
    out.append(label + textpad.pad_left(format_amount(net), 16))
    label = textpad.pad_right("Tax " + str(invoice.tax_percent) + "%", 32)
    out.append(label + textpad.pad_left(format_amount(tax), 16))
    label = textpad.pad_right("Total", 32)
    out.append(label + textpad.pad_left(format_amount(gross), 16))
    # payment
    if invoice.paid > 0:
        label = textpad.pad_right("Paid", 32)
        out.append(label + textpad.pad_left(format_amount(-invoice.paid), 16))
        due = gross - invoice.paid
        if due > 0:
            label = textpad.pad_right("To pay", 32)
            out.append(label + textpad.pad_left(format_amount(due), 16))
        else:
            out.append("Paid in full, thank you!")
    return "\n".join(out) + "\n"
