"""Commercial rounding, and instalments that add up."""

import unittest
from decimal import Decimal

from shop.money import round_cents, split_evenly, tax_on


class RoundCentsTest(unittest.TestCase):
    def test_half_a_cent_goes_away_from_zero(self):
        for amount, expected in (
            ("2.675", "2.68"),
            ("1.005", "1.01"),
            ("0.125", "0.13"),
            ("-2.675", "-2.68"),
        ):
            with self.subTest(amount=amount):
                self.assertEqual(round_cents(Decimal(amount)), Decimal(expected))

    def test_always_two_places(self):
        self.assertEqual(str(round_cents(Decimal("3"))), "3.00")

    def test_large_amounts_keep_their_cents(self):
        amount = Decimal("90071992547409931.125")
        self.assertEqual(round_cents(amount), Decimal("90071992547409931.13"))

    def test_tax(self):
        self.assertEqual(tax_on(Decimal("0.50"), Decimal("19")), Decimal("0.10"))
        self.assertEqual(tax_on(Decimal("14.50"), Decimal("7")), Decimal("1.02"))


class SplitTest(unittest.TestCase):
    def test_adds_up_and_first_parts_get_the_extra_cents(self):
        self.assertEqual(
            split_evenly(Decimal("100.00"), 3),
            [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")],
        )
        self.assertEqual(
            split_evenly(Decimal("0.05"), 3),
            [Decimal("0.02"), Decimal("0.02"), Decimal("0.01")],
        )

    def test_any_number_of_parts_adds_up(self):
        for parts in range(1, 13):
            with self.subTest(parts=parts):
                shares = split_evenly(Decimal("199.99"), parts)
                self.assertEqual(len(shares), parts)
                self.assertEqual(sum(shares), Decimal("199.99"))
                self.assertLessEqual(max(shares) - min(shares), Decimal("0.01"))
