"""The core of a small web shop."""
