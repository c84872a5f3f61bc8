"""The invoice text stays as it is; the code that writes it gets small."""

import ast
import unittest
from decimal import Decimal
from pathlib import Path

from shop.cart import Line
from shop.invoice import Invoice, render_invoice

PACKAGE = Path(__file__).resolve().parent.parent / "shop"
LONGEST = 15

OPEN = """\
Invoice 2026-014
for Marta Lindqvist
================================================
Green tea                      2            8.40
Handmade stoneware teapot~     1           61.50
Tea bags                      60           54.00
  incl. 10% bulk discount
------------------------------------------------
Net                                       123.90
Tax 19%                                    23.54
Total                                     147.44
"""


def invoice(paid):
    lines = [
        Line("TEA-1", "Green tea", Decimal("4.20"), 2),
        Line("POT-3", "Handmade stoneware teapot, blue", Decimal("61.50"), 1),
        Line("BAG-9", "Tea bags", Decimal("1.00"), 60),
    ]
    return Invoice("2026-014", "Marta Lindqvist", lines, Decimal("19"), Decimal(paid))


class SameTextTest(unittest.TestCase):
    def test_not_paid(self):
        self.assertEqual(render_invoice(invoice("0")), OPEN)

    def test_partly_paid(self):
        self.assertEqual(
            render_invoice(invoice("1000.00")).splitlines()[-2:],
            ["Paid                                   -1,000.00", "Paid in full, thank you!"],
        )
        self.assertEqual(
            render_invoice(invoice("100.00")).splitlines()[-2:],
            ["Paid                                     -100.00",
             "To pay                                     47.44"],
        )


class StructureTest(unittest.TestCase):
    def test_functions_are_short(self):
        for name in ("invoice.py", "layout.py"):
            path = PACKAGE / name
            self.assertTrue(path.exists(), f"shop/{name} is missing")
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef):
                    length = node.end_lineno - node.lineno + 1
                    self.assertLessEqual(length, LONGEST, f"shop/{name}: {node.name}")

    def test_layout_moved(self):
        self.assertFalse((PACKAGE / "textpad.py").exists(), "shop/textpad.py is still there")
        self.assertIn("layout", (PACKAGE / "invoice.py").read_text(encoding="utf-8"))
