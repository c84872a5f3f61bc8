"""Colours are named once, told apart, legible in both twins; the renderer is safe to save."""

from __future__ import annotations

import math
import re
from collections import Counter
from pathlib import Path
from typing import Any

import altair as alt
import polars as pl
import pytest
import vl_convert
from test_notebooks import cells

from ampmetrics import theme
from ampmetrics.events import Outcome

PACKAGE = Path(theme.__file__).parents[1]
SOLID = ("paper", "card")
TEXT = ("ink", "soft", "accent", "passed", "failed", "timeout", "agent-error", "unjudged")


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, two: str) -> float:
    low, high = sorted((luminance(one), luminance(two)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("twin", ["light", "dark"])
def test_text_is_legible_on_every_ground(twin: str) -> None:
    for ground in SOLID:
        for name in TEXT:
            colours = [getattr(theme.SHADES[each], twin) for each in (name, ground)]
            assert contrast(*colours) >= 4.5, (name, ground)
    for look in [*theme.OUTCOMES.values(), theme.UNFINISHED]:
        text, fill = (getattr(theme.SHADES[each], twin) for each in (look.text, look.fill))
        assert contrast(text, fill) >= 4.5, look


# What the three kinds of colour blindness make of linear RGB (Machado et al. 2009).
SEEN = {
    "as it is": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
                   (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                     (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                   (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
XYZ = ((0.433953, 0.376219, 0.189828), (0.212673, 0.715152, 0.072175),
       (0.017758, 0.109477, 0.872766))  # fmt: skip
"""Linear RGB to XYZ of which white is 1, 1, 1."""


def lab(colour: str, seen: str) -> tuple[float, float, float]:
    """Where a colour lies in CIELAB, for who sees it so."""

    def times(matrix: Any, vector: list[float]) -> list[float]:
        return [sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix]

    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    clipped = [min(1.0, max(0.0, p)) for p in times(SEEN[seen], linear)]
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in times(XYZ, clipped))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize("twin", ["light", "dark"])
@pytest.mark.parametrize("names", [["s1", "s2", "s3", "s4"],
                                   [name for name in theme.SHADES if name.startswith("time-")]],
                         ids=["variants", "time"])  # fmt: skip
def test_the_colour_blind_can_tell_them_apart(names: list[str], twin: str) -> None:
    for seen in SEEN:
        places = [lab(getattr(theme.SHADES[name], twin), seen) for name in names]
        for i, place in enumerate(places):
            for other in places[:i]:
                assert math.dist(place, other) >= 21, seen


@pytest.mark.parametrize("twin", ["light", "dark"])
def test_what_is_no_variant_is_in_the_colour_of_none(twin: str) -> None:
    shade = {name: getattr(theme.SHADES[name], twin) for name in theme.SHADES}
    assert all(contrast(shade["plain"], shade[ground]) >= 3 for ground in SOLID)
    beside = ["s1", "s2", "s3", "s4", "unjudged", "plain"]
    for seen in SEEN:
        place = {name: lab(colour, seen) for name, colour in shade.items()}
        for name, other in [("plain", each) for each in beside[:-1]] + [
            ("failed-calls", each) for each in beside
        ]:
            assert math.dist(place[name], place[other]) >= 19.9, (name, other, seen)
    place = {name: lab(colour, "as it is") for name, colour in shade.items()}
    for name in [name for name in shade if name.startswith("time-")]:
        for other in ("s1", "s2", "passed", "failed"):
            assert math.dist(place[name], place[other]) >= 30, (name, other)


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


@pytest.mark.usefixtures("enabled")
def test_a_variant_has_one_colour_in_every_report(
    sample_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for notebook, last, sides in (
        ("benchmark_report", "setup", {}),
        ("compare_runs", "sides", {"a": "low", "b": "high"}),
        ("compare_runs", "sides", {}),
    ):
        monkeypatch.setattr(theme.looks, "_assigned", {})
        cells(notebook, last, paths=[str(sample_run)], **sides)
        found.append(theme.variant_colours(["low", "high"]))
    assert found == 3 * [{"high": theme.SHADES["s1"].light, "low": theme.SHADES["s2"].light}]


def test_names_of_one_chart_have_colours_of_their_own() -> None:
    theme.variant_colours(f"before {i}" for i in range(11))
    here = [f"here {i}" for i in range(8)]
    assert len(set(theme.variant_colours(here).values())) == 8
    mixed = ["before 10", *(f"mixed {i}" for i in range(7))]
    assert len(set(theme.variant_colours(mixed).values())) == 8


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
    # What a reader takes a bundle of version 5 for must be in it: else it complains.
    assert spec["$schema"].endswith("/vega-lite/v5.json")
    assert bundle["text/plain"] == "Chart: d"
    assert spec["config"]["background"] == theme.SHADES["card"].light


def test_the_renderer_leaves_a_chart_of_charts_its_widths(enabled: None) -> None:
    one = alt.Chart(pl.DataFrame({"x": [1]})).mark_bar().encode(x="x").properties(width=100)
    spec = (one | one)._repr_mimebundle_()[theme.VEGA_MIME]
    assert "usermeta" not in spec
    assert spec["hconcat"][0]["width"] == 100


def parts(words: list[str], shades: list[str] | None = None, *, picked: bool = False) -> alt.Chart:
    scale = alt.Scale(domain=words, range=shades) if shades else alt.Undefined
    frame = pl.DataFrame({"n": [1] * len(words), "word": words})
    colour = alt.Color("word:N", scale=scale)
    if picked:
        colour = alt.condition("datum.n > 0", colour, alt.value("#000000"))
    return alt.Chart(frame).mark_bar().encode(x="n", color=colour)


def colours(chart: Any, version: str) -> Counter[str]:
    spec = chart._repr_mimebundle_()[theme.VEGA_MIME]
    svg = vl_convert.vegalite_to_svg(spec, vl_version=version)
    bars = re.findall(r'aria-roledescription="bar"[^>]*fill="(#[0-9a-f]{6})"', svg)
    return Counter(bars)


@pytest.mark.parametrize("version", ["5.8", "6.4"])
def test_charts_beside_one_another_keep_their_colours(enabled: None, version: str) -> None:
    theme.enable()
    one = parts(["a", "b"], ["#112233", "#445566"])
    two = parts(["c", "d", "a"], ["#778899", "#aabbcc", "#ddeeff"])
    each = colours(one, version) + colours(two, version)
    assert set(each) == {"#112233", "#445566", "#778899", "#aabbcc", "#ddeeff"}
    for both in (one | two, one & two, alt.concat(one, two)):
        assert colours(both, version) == each
    assert colours((one & two) | two, version) == each + colours(two, version)
    picked = parts(["c", "d", "a"], ["#778899", "#aabbcc", "#ddeeff"], picked=True)
    assert colours(one | picked, version) == each


def test_charts_of_the_same_colours_and_of_none_share_them(enabled: None) -> None:
    theme.enable()
    for both in (
        parts(["a", "b"]) | parts(["b"]),
        parts(["a", "b"], ["#112233", "#445566"]) | parts(["a", "b"], ["#112233", "#445566"]),
        (parts(["a", "b"], ["#112233", "#445566"]) | parts(["a"], ["#445566"])).resolve_scale(
            color="shared"
        ),
    ):
        spec = both._repr_mimebundle_()[theme.VEGA_MIME]
        assert spec["resolve"]["scale"].get("color", "shared") == "shared"
