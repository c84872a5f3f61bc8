"""Colours are named once, told apart, legible in both twins; the renderer is safe to save."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import altair as alt
import polars as pl
import pytest

from ampmetrics import theme
from ampmetrics.events import Outcome

PACKAGE = Path(theme.__file__).parent
SOLID = ("paper", "card")
TEXT = ("ink", "soft", "accent", "passed", "failed", "timeout", "agent-error", "unjudged")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.fixture
def enabled() -> Iterator[None]:
    theme.enable()
    yield
    alt.theme.enable("default")
    alt.renderers.enable("default")


@pytest.mark.parametrize("twin", ["light", "dark"])
def test_text_is_legible_on_every_ground(twin: str) -> None:
    for ground in SOLID:
        for name in TEXT:
            colours = [getattr(theme.SHADES[each], twin) for each in (name, ground)]
            assert contrast(*colours) >= 4.5, (name, ground)
    for look in [*theme.OUTCOMES.values(), theme.UNFINISHED]:
        text, fill = (getattr(theme.SHADES[each], twin) for each in (look.text, look.fill))
        assert contrast(text, fill) >= 4.5, look


def test_a_light_colour_has_one_role() -> None:
    # CSS finds a drawn colour's dark twin by the light one.
    assert not [c for c, n in Counter(s.light for s in theme.SHADES.values()).items() if n > 1]


def test_every_outcome_has_a_look_of_its_own() -> None:
    looks = [*map(theme.outcome_look, Outcome), theme.outcome_look(None)]
    assert len({look.word for look in looks}) == len({look.glyph for look in looks}) == 8
    assert theme.outcome_look("exploded").word == "exploded"


def test_a_variant_keeps_its_colour() -> None:
    first = theme.variant_colours(name for name in ("kept a", "kept b"))
    assert len(set(first.values())) == 2
    assert theme.variant_colours(["kept b"]) == {"kept b": first["kept b"]}
    assert len(theme.variant_colours([f"many {i}" for i in range(30)])) == 30


def test_a_colour_of_the_theme_is_a_css_variable() -> None:
    assert theme.css_colour(theme.SHADES["s1"].light) == "var(--am-s1)"
    assert theme.css_colour("tomato") == "tomato"


def test_only_the_theme_has_colours() -> None:
    for folder in ("charts", "reports"):
        for file in (PACKAGE / folder).rglob("*"):
            if file.suffix in (".py", ".css", ".js", ".j2"):
                found = re.findall(r"[\s:\"'](#[0-9a-fA-F]{3,8})\b(?!-)", file.read_text())
                assert not found, (file.name, found)


def test_the_renderer_saves_what_jupyter_draws_and_no_html(enabled: None) -> None:
    theme.enable()
    chart = alt.Chart(pl.DataFrame({"x": [1]})).mark_bar().encode(x="x").properties(description="d")
    bundle = chart.properties(width="container")._repr_mimebundle_()
    assert sorted(bundle) == [theme.VEGA_MIME, "text/plain"]
    spec = bundle[theme.VEGA_MIME]
    assert spec["width"] == theme.WIDTH
    assert spec["usermeta"]["fluid"] is True
    assert bundle["text/plain"] == "Chart: d"
    assert spec["config"]["background"] == theme.SHADES["card"].light


def test_the_renderer_leaves_a_chart_of_charts_its_widths(enabled: None) -> None:
    one = alt.Chart(pl.DataFrame({"x": [1]})).mark_bar().encode(x="x").properties(width=100)
    spec = (one | one)._repr_mimebundle_()[theme.VEGA_MIME]
    assert "usermeta" not in spec
    assert spec["hconcat"][0]["width"] == 100
