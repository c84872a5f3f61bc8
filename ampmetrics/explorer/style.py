"""How an explorer looks: the blocks' own style, and CSS for what is of widgets."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from ampmetrics.reports.blocks import STYLE_END, Block
from ampmetrics.theme import DARK, dark_svg_rules

__all__ = ["style", "wrapped"]


def wrapped(block: Block) -> str:
    """The block's HTML, in the element that its style is for."""
    return f'<div class="am mathjax_ignore tex2jax_ignore">{block.html}</div>'


def style() -> str:
    """A style element for all that an explorer shows."""
    bundle, _ = Block(Markup(), "")._repr_mimebundle_()
    blocks = bundle["text/html"].partition(STYLE_END)[0]
    lists = f"{DARK} .am-explorer .am-side select{{color-scheme:dark}}"
    dark = lists + dark_svg_rules(f"{DARK} .am-explorer svg")
    own = (Path(__file__).parent / "explorer.css").read_text(encoding="utf-8")
    return f"{blocks}<style>{own}{dark}</style>"
