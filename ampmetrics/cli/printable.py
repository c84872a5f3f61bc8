"""Texts for a terminal: what an agent or a file says must not reach it as a command to it."""

from __future__ import annotations

__all__ = ["printable"]


def printable(text: str) -> str:
    """The text with a blank for every control character."""
    return "".join(c if c.isprintable() else " " for c in text)
