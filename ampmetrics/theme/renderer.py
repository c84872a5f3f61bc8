"""What Altair is told: our theme, and what a notebook's output holds of a chart.

Altair is loaded by `enable`, not by importing this module.
"""

from __future__ import annotations

from typing import Any

from ampmetrics.theme.beside import apart
from ampmetrics.theme.looks import FONT, SERIES, SHADES, WIDTH

__all__ = ["VEGA_MIME", "enable", "enable_for_page"]

VEGA_MIME = "application/vnd.vegalite.v5+json"
"""The newest Vega-Lite bundle that JupyterLab and VS Code draw themselves."""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"
"""What such a bundle says it holds. Altair says 6; our charts use nothing that 5 does not have."""


def enable() -> None:
    """Give Altair our theme, and a renderer whose charts a page draws offline; may be repeated."""
    import altair as alt

    alt.theme.register("ampmetrics", enable=True)(_theme)
    alt.renderers.register("ampmetrics", _render)
    alt.renderers.enable("ampmetrics")


def enable_for_page() -> None:
    """The same, unless charts are shown as pictures; a theme that was chosen stays."""
    import altair as alt

    if alt.renderers.active not in ("ampmetrics", "png", "svg"):
        chosen = alt.theme.active
        enable()
        if chosen != "default":
            alt.theme.enable(chosen)


def _theme() -> Any:
    light = {name: shade.light for name, shade in SHADES.items()}
    return {
        "config": {
            "background": light["card"],
            "font": FONT,
            "padding": 4,
            "view": {"stroke": None, "continuousWidth": WIDTH, "continuousHeight": 280},
            "mark": {"color": light["s1"]},
            "text": {"color": light["ink"], "fontSize": 11},
            "rule": {"color": light["line"]},
            "bar": {"cornerRadius": 1.5},
            "range": {"category": [light[name] for name in SERIES]},
            "title": {
                "anchor": "start",
                "frame": "group",
                "color": light["ink"],
                "fontSize": 15,
                "fontWeight": 600,
                "subtitleColor": light["soft"],
                "subtitleFontSize": 12,
                "subtitlePadding": 5,
                "offset": 14,
            },
            "axis": {
                "domain": False,
                "ticks": False,
                "gridColor": light["line"],
                "labelColor": light["soft"],
                "labelFontSize": 11,
                "labelPadding": 7,
                "titleColor": light["soft"],
                "titleFontSize": 11,
                "titleFontWeight": "normal",
                "titlePadding": 10,
            },
            "axisY": {"labelLimit": 190, "labelColor": light["ink"]},
            "axisBand": {"grid": False},
            "legend": {
                "orient": "top",
                "direction": "horizontal",
                "title": None,
                "columns": 4,
                "columnPadding": 18,
                "rowPadding": 4,
                "labelColor": light["ink"],
                "labelFontSize": 12,
                "labelLimit": 170,
                "symbolType": "circle",
                "symbolSize": 90,
                "symbolStrokeWidth": 0,
                "offset": 14,
                "layout": {"top": {"anchor": "start", "margin": 6, "direction": "vertical"}},
            },
            "header": {"labelColor": light["ink"], "titleColor": light["soft"]},
        }
    }


def _render(spec: dict[str, Any], **_: Any) -> dict[str, Any]:
    # No text/html: it would win over the chart where scripts are stripped. And no
    # width="container": in a saved output it hangs JupyterLab's tab; the page stretches the chart.
    spec = {**apart(spec, WIDTH), "$schema": _SCHEMA}
    if "mark" in spec or "layer" in spec:
        asked = spec.get("width")
        spec = {**spec, "width": asked if isinstance(asked, int | float) else WIDTH}
        spec["usermeta"] = {"fluid": True, **spec.get("usermeta", {})}
    return {VEGA_MIME: spec, "text/plain": f"Chart: {spec.get('description') or 'no description'}"}
