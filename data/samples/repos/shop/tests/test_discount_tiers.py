"""The discount starts AT the number the price list names."""

import unittest
from decimal import Decimal

from shop.pricing import discount_percent, line_total, missing_for_next_tier


class TierEdgeTest(unittest.TestCase):
    def test_discount_at_the_edges(self):
        for quantity, percent in (
            (9, "0"), (10, "5"), (11, "5"),
            (49, "5"), (50, "10"), (51, "10"),
            (99, "10"), (100, "15"), (101, "15"),
        ):
            with self.subTest(quantity=quantity):
                self.assertEqual(discount_percent(quantity), Decimal(percent))

    def test_price_at_the_edge(self):
        self.assertEqual(line_total(Decimal("4.00"), 10), Decimal("38.00"))

    def test_what_is_missing(self):
        for quantity, missing in ((1, 9), (9, 1), (10, 40), (49, 1), (50, 50), (99, 1)):
            with self.subTest(quantity=quantity):
                self.assertEqual(missing_for_next_tier(quantity), missing)

    def test_the_promise_holds(self):
        for quantity in range(1, 100):
            with self.subTest(quantity=quantity):
                more = quantity + missing_for_next_tier(quantity)
                self.assertGreater(discount_percent(more), discount_percent(quantity))
                self.assertEqual(discount_percent(more - 1), discount_percent(quantity))

    def test_nothing_missing_at_the_top(self):
        self.assertIsNone(missing_for_next_tier(100))
