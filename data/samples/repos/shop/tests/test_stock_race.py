"""Many threads, one stock: nothing is sold twice, nothing gets lost."""

import threading
import time
import unittest

from shop.inventory import Inventory, OutOfStock


class SlowInventory(Inventory):
    """Lets another thread in between reading the stock and writing it."""

    def available(self, sku):
        number = super().available(sku)
        time.sleep(0.003)
        return number


class StockRaceTest(unittest.TestCase):
    def run_threads(self, *calls):
        """Make all calls at the same time; how many were not out of stock."""
        start = threading.Barrier(len(calls))
        done = []

        def work(call, args):
            start.wait()
            try:
                call(*args)
                done.append("ok")
            except OutOfStock:
                done.append("out of stock")

        threads = [threading.Thread(target=work, args=c, daemon=True) for c in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=2)
        self.assertEqual(len(done), len(calls), "a thread hangs or died")
        return done.count("ok")

    def test_reserve(self):
        inventory = SlowInventory({"TEA-1": 3})
        sold = self.run_threads(*[(inventory.reserve, ("TEA-1", 1))] * 8)
        self.assertEqual((sold, inventory.available("TEA-1")), (3, 0))

    def test_release(self):
        inventory = SlowInventory({"TEA-1": 8})
        self.run_threads(*[(inventory.reserve, ("TEA-1", 1))] * 4,
                         *[(inventory.release, ("TEA-1", 1))] * 4)
        self.assertEqual(inventory.available("TEA-1"), 8)

    def test_reserve_all(self):
        inventory = SlowInventory({"TEA-1": 3, "CUP-7": 9})
        order = {"TEA-1": 1, "CUP-7": 1}
        sold = self.run_threads(*[(inventory.reserve_all, (order,))] * 6)
        self.assertEqual(sold, 3)
        self.assertEqual(inventory.available("TEA-1"), 0)
        self.assertEqual(inventory.available("CUP-7"), 6)
