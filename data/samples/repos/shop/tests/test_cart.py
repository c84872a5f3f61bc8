import unittest
from decimal import Decimal

from shop.cart import Cart


class CartTest(unittest.TestCase):
    def setUp(self):
        self.cart = Cart()
        self.cart.add("TEA-1", "Green tea", Decimal("4.20"), 2)
        self.cart.add("CUP-7", "Cup", Decimal("6.00"))

    def test_adding_again_adds_up(self):
        self.cart.add("TEA-1", "Green tea", Decimal("4.20"))
        self.assertEqual([(line.sku, line.quantity) for line in self.cart.lines()],
                         [("TEA-1", 3), ("CUP-7", 1)])

    def test_change_and_total(self):
        self.cart.change("CUP-7", 3)
        self.assertEqual(self.cart.total(), Decimal("26.40"))

    def test_remove(self):
        self.cart.remove("TEA-1")
        self.cart.remove("NO-SUCH")
        self.assertEqual([line.sku for line in self.cart.lines()], ["CUP-7"])
