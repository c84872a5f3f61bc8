import unittest
from decimal import Decimal

from shop.money import format_amount, parse_amount, split_evenly, tax_on


class MoneyTest(unittest.TestCase):
    def test_parse(self):
        self.assertEqual(parse_amount(" 1,234.50 "), Decimal("1234.50"))
        self.assertEqual(parse_amount("12"), Decimal("12"))

    def test_parse_refuses_other_text(self):
        for text in ("", "twelve", "1.2.3", "NaN", "Infinity"):
            with self.subTest(text=text), self.assertRaises(ValueError):
                parse_amount(text)

    def test_format(self):
        self.assertEqual(format_amount(Decimal("1234.5")), "1,234.50")

    def test_tax(self):
        self.assertEqual(tax_on(Decimal("100"), Decimal("19")), Decimal("19"))

    def test_split_that_divides(self):
        self.assertEqual(split_evenly(Decimal("9.00"), 3), [Decimal("3")] * 3)
        with self.assertRaises(ValueError):
            split_evenly(Decimal("9.00"), 0)
