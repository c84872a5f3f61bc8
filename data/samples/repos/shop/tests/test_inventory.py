import unittest
from decimal import Decimal

from shop.cart import Cart
from shop.checkout import cancel, checkout
from shop.inventory import Inventory, OutOfStock


class InventoryTest(unittest.TestCase):
    def setUp(self):
        self.inventory = Inventory({"TEA-1": 5, "CUP-7": 1})

    def test_reserve_and_release(self):
        self.inventory.reserve("TEA-1", 3)
        self.assertEqual(self.inventory.available("TEA-1"), 2)
        self.inventory.release("TEA-1", 1)
        self.assertEqual(self.inventory.available("TEA-1"), 3)

    def test_too_few(self):
        with self.assertRaises(OutOfStock):
            self.inventory.reserve("TEA-1", 6)
        with self.assertRaises(OutOfStock):
            self.inventory.reserve("NO-SUCH", 1)
        self.assertEqual(self.inventory.available("TEA-1"), 5)

    def test_all_or_none(self):
        with self.assertRaises(OutOfStock):
            self.inventory.reserve_all({"TEA-1": 2, "CUP-7": 2})
        self.assertEqual(self.inventory.available("TEA-1"), 5)
        self.inventory.reserve_all({"TEA-1": 2, "CUP-7": 1})
        self.assertEqual(self.inventory.available("TEA-1"), 3)

    def test_checkout_and_cancel(self):
        cart = Cart()
        cart.add("TEA-1", "Green tea", Decimal("4.20"), 2)
        invoice = checkout(cart, self.inventory, "2026-001", "A. Customer")
        self.assertEqual(self.inventory.available("TEA-1"), 3)
        cancel(invoice, self.inventory)
        self.assertEqual(self.inventory.available("TEA-1"), 5)
