"""What the cart must refuse."""

import unittest
from decimal import Decimal

from shop import cart as cart_module
from shop.cart import Cart


class CartValidationTest(unittest.TestCase):
    def setUp(self):
        self.cart = Cart()
        self.cart.add("TEA-1", "Green tea", Decimal("4.20"), 2)
        self.before = self.cart.lines()

    def assertRefused(self, call, *args):
        error = getattr(cart_module, "CartError", None)
        self.assertIsNotNone(error, "shop.cart has no CartError")
        self.assertTrue(issubclass(error, ValueError))
        with self.assertRaises(error) as caught:
            call(*args)
        self.assertEqual(self.cart.lines(), self.before, "the cart was changed")
        return str(caught.exception)

    def test_add_refuses_bad_quantities(self):
        for quantity in (0, -1, 1.5, "2", True, None, 1000):
            with self.subTest(quantity=quantity):
                self.assertRefused(self.cart.add, "CUP-7", "Cup", Decimal("6"), quantity)

    def test_the_sum_counts(self):
        self.assertRefused(self.cart.add, "TEA-1", "Green tea", Decimal("4.20"), 998)
        self.cart.add("TEA-1", "Green tea", Decimal("4.20"), 997)
        self.assertEqual(self.cart.lines()[0].quantity, 999)

    def test_add_refuses_blank_skus_and_negative_prices(self):
        self.assertRefused(self.cart.add, "  ", "Nothing", Decimal("1"), 1)
        self.assertRefused(self.cart.add, "CUP-7", "Cup", Decimal("-0.01"), 1)

    def test_change_refuses_bad_quantities(self):
        for quantity in (-1, 1000, 2.0, True):
            with self.subTest(quantity=quantity):
                self.assertRefused(self.cart.change, "TEA-1", quantity)

    def test_change_to_zero_removes(self):
        self.cart.change("TEA-1", 0)
        self.assertEqual(self.cart.lines(), [])

    def test_change_names_the_unknown_sku(self):
        self.assertIn("NO-SUCH", self.assertRefused(self.cart.change, "NO-SUCH", 1))
