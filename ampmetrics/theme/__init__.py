"""How things look: colours and sizes, and what Altair is told of them."""

from ampmetrics.theme.looks import (
    DARK,
    FONT,
    MONO,
    OUTCOMES,
    SERIES,
    SHADES,
    UNFINISHED,
    WIDTH,
    Look,
    css_colour,
    css_variables,
    dark_svg_rules,
    outcome_look,
    series_colours,
    variant_colours,
)
from ampmetrics.theme.renderer import VEGA_MIME, enable, enable_for_page

__all__ = [
    "DARK",
    "FONT",
    "MONO",
    "OUTCOMES",
    "SERIES",
    "SHADES",
    "UNFINISHED",
    "VEGA_MIME",
    "WIDTH",
    "Look",
    "css_colour",
    "css_variables",
    "dark_svg_rules",
    "enable",
    "enable_for_page",
    "outcome_look",
    "series_colours",
    "variant_colours",
]
