import unittest
from decimal import Decimal

from shop.pricing import discount_percent, line_total, missing_for_next_tier


class PricingTest(unittest.TestCase):
    def test_no_discount_for_a_few(self):
        self.assertEqual(discount_percent(1), Decimal("0"))
        self.assertEqual(line_total(Decimal("2.50"), 4), Decimal("10.00"))

    def test_discount_inside_the_tiers(self):
        self.assertEqual(discount_percent(20), Decimal("5"))
        self.assertEqual(discount_percent(75), Decimal("10"))
        self.assertEqual(discount_percent(500), Decimal("15"))
        self.assertEqual(line_total(Decimal("2.00"), 20), Decimal("38.00"))

    def test_nothing_above_the_last_tier(self):
        self.assertIsNone(missing_for_next_tier(101))
