"""How things look: the only place with a colour, a font or a size, for charts and for pages.

A chart is saved in light colours; a page maps each of them to its dark twin with CSS, so nothing is
drawn again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable
from typing import NamedTuple, TypeVar

from ampmetrics.events import Outcome

__all__ = [
    "DARK",
    "FONT",
    "MONO",
    "OUTCOMES",
    "SERIES",
    "SHADES",
    "UNFINISHED",
    "WIDTH",
    "Look",
    "css_colour",
    "css_variables",
    "dark_svg_rules",
    "outcome_look",
    "series_colours",
    "variant_colours",
]

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"
WIDTH = 680
"""Width of a saved chart, px; a page makes it as wide as its column."""
DARK = (
    ':is([data-jp-theme-light="false"],.vscode-dark,'
    ".vscode-high-contrast:not(.vscode-high-contrast-light))"
)
"""CSS selector of what holds a notebook's outputs where it is dark: Jupyter's, and VS Code's."""


class Shade(NamedTuple):
    """One colour in its two twins; the light one names it, so no two roles may share it."""

    light: str
    dark: str


SHADES = {
    "paper": Shade("#f6f7f9", "#0f141b"),
    "card": Shade("#ffffff", "#171d26"),
    "ink": Shade("#1b2330", "#e7ebf1"),
    "soft": Shade("#566273", "#a3aebd"),
    "faint": Shade("#7d8896", "#7c8898"),
    "line": Shade("#e2e6ec", "#2b3441"),
    "track": Shade("#edf0f4", "#222a36"),
    "accent": Shade("#2459c4", "#8ab4ff"),
    "accent-soft": Shade("#e9f0fd", "#1c2a45"),
    # Variants: told apart by the colour-blind too (the first four lie at least 21 apart in
    # CIELAB under protanopia, deuteranopia and tritanopia, in both twins).
    "s1": Shade("#2a66d1", "#79a8ff"),
    "s2": Shade("#cf7d00", "#f3a94a"),
    "s3": Shade("#6b3454", "#e06a9c"),
    "s4": Shade("#3aa3b5", "#66e3e0"),
    "s5": Shade("#182a63", "#5468e0"),
    "s6": Shade("#8a6d1f", "#a98638"),
    "s7": Shade("#d46a9b", "#f7c6dd"),
    "s8": Shade("#8f9bab", "#8693a5"),
    # What is of no variant: no blue or orange of the first ones, nor the grey of no judgement.
    "plain": Shade("#9a8a75", "#ccb79f"),
    "passed": Shade("#0b8165", "#2fbf95"),
    "on-passed": Shade("#fefefe", "#06231b"),
    "failed": Shade("#c23b1a", "#ff8f70"),
    # Beside a variant's colour; `failed` is too near to the second for the colour-blind.
    "failed-calls": Shade("#7d1a14", "#cb2a42"),
    "failed-soft": Shade("#fcebe6", "#3a211c"),
    "timeout": Shade("#8f5c00", "#e8b04b"),
    "timeout-soft": Shade("#fdf1d8", "#372b15"),
    "agent-error": Shade("#8e3894", "#d58ae0"),
    "agent-error-soft": Shade("#f7eaf8", "#33203a"),
    "unjudged": Shade("#5d6875", "#a0abb8"),
    "unjudged-soft": Shade("#eceff2", "#252d38"),
    # One hue, darker from the cheapest kind of token to the dearest.
    "cached": Shade("#b9c6d6", "#3d4c60"),
    "cache-write": Shade("#8ba2bf", "#637c9c"),
    "uncached": Shade("#4f71a1", "#94b5e2"),
    "output": Shade("#1d3b70", "#dbe7fd"),
    # Where the time went; as far apart as variants are, and far from the first of them.
    "time-model": Shade("#63588a", "#835088"),
    "time-tools": Shade("#c2b07a", "#bcba87"),
    "time-agent": Shade("#8b9794", "#80888c"),
    "time-tests": Shade("#38312a", "#f4f8ee"),
    "time-idle": Shade("#dce1e6", "#2c353f"),
    "added": Shade("#2f8f77", "#46b99b"),
    "deleted": Shade("#cf6a47", "#e88c6c"),
}

SERIES = ("s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8")
"""Names in SHADES of the variants' colours, in their order."""
_Key = TypeVar("_Key", bound=Hashable)
_assigned: dict[str, str] = {}
_others: dict[tuple[str, str], str] = {}
"""What is no variant: what it is (a model, an agent) and its name → colour."""


class Look(NamedTuple):
    """How an outcome looks: never by colour alone."""

    word: str
    glyph: str
    colour: str
    """name in SHADES of its text and border"""
    fill: str
    """name in SHADES of its ground"""
    text: str
    """name in SHADES of text on that ground"""


UNFINISHED = Look("unfinished", "…", "faint", "card", "soft")
OUTCOMES: dict[str, Look] = {
    Outcome.PASSED: Look("passed", "✓", "passed", "passed", "on-passed"),
    Outcome.FAILED: Look("failed", "✕", "failed", "failed-soft", "failed"),
    Outcome.TIMEOUT: Look("timeout", "◷", "timeout", "timeout-soft", "timeout"),
    Outcome.AGENT_ERROR: Look("agent error", "!", "agent-error", "agent-error-soft", "agent-error"),
    Outcome.INFRA_ERROR: Look("infra error", "△", "unjudged", "unjudged-soft", "unjudged"),
    Outcome.NO_VERDICT: Look("no verdict", "?", "unjudged", "unjudged-soft", "unjudged"),
    Outcome.CANCELLED: Look("cancelled", "–", "unjudged", "unjudged-soft", "unjudged"),
}


def outcome_look(outcome: str | None) -> Look:
    """Look of an outcome; of null (the trial never ended), and of a word that is not known."""
    if outcome is None:
        return UNFINISHED
    return OUTCOMES.get(outcome, Look(outcome, "?", "unjudged", "unjudged-soft", "unjudged"))


def variant_colours(names: Iterable[str]) -> dict[str, str]:
    """Name → colour, in the order given; a name keeps its colour for the whole session.

    So name all variants once, first, and each has the same colour in every chart and table. A new
    name gets the colour that the fewest have and, where there are no more than eight of them, none
    of those named with it; charts name variants in words too.
    """
    return _coloured(list(names), _assigned)


def series_colours(names: Iterable[str], what: str) -> dict[str, str]:
    """Name → colour of what is no variant: of models, agents or whatever `what` says.

    From the colours of variants, but in an order of their own, so that none of a variant's is used
    up; else as `variant_colours`.
    """
    found = _coloured([(what, name) for name in names], _others)
    return {name: shade for (_, name), shade in found.items()}


def _coloured(keys: list[_Key], assigned: dict[_Key, str]) -> dict[_Key, str]:
    for key in keys:
        if key not in assigned:
            here = {assigned[other] for other in keys if other in assigned}
            used = Counter(assigned.values())
            free = (SHADES[series].light for series in SERIES)
            assigned[key] = min(free, key=lambda shade: (shade in here, used[shade]))
    return {key: assigned[key] for key in keys}


def css_colour(light: str) -> str:
    """The CSS variable of a colour of SHADES, so that a page shows its dark twin in the dark."""
    for name, shade in SHADES.items():
        if shade.light == light:
            return f"var(--am-{name})"
    return light


def css_variables(*, dark: bool) -> str:
    """CSS declarations of every colour; the light ones carry the fonts too."""
    if dark:
        return "".join(f"--am-{name}:{shade.dark};" for name, shade in SHADES.items())
    colours = "".join(f"--am-{name}:{shade.light};" for name, shade in SHADES.items())
    return f"{colours}--am-font:{FONT};--am-mono:{MONO};"


def dark_svg_rules(scope: str) -> str:
    """CSS that gives what Vega drew in a light colour the variable of that colour."""
    return "".join(
        f'{scope} [{paint}="{shade.light}"]{{{paint}:var(--am-{name})}}'
        for name, shade in SHADES.items()
        for paint in ("fill", "stroke")
    )
