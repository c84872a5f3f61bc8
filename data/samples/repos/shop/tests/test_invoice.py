import unittest
from decimal import Decimal

from shop.cart import Line
from shop.invoice import Invoice, render_invoice


class InvoiceTest(unittest.TestCase):
    def test_first_and_last_line(self):
        line = Line("TEA-1", "Green tea", Decimal("4.20"), 2)
        text = render_invoice(Invoice("2026-001", "A. Customer", [line], Decimal("19")))
        self.assertTrue(text.startswith("Invoice 2026-001\nfor A. Customer\n"))
        self.assertTrue(text.endswith("            10.00\n"))
