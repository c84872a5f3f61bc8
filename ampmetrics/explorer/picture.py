"""A chart in an explorer: one output whose chart is exchanged; JupyterLab draws it offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets

from ampmetrics.theme import VEGA_MIME

if TYPE_CHECKING:
    import altair as alt

__all__ = ["Picture"]

_EMBED = {
    # As SVG its colours follow a dark theme by CSS alone.
    "renderer": "svg",
    # The editor of the menu is a web site to which the data would be sent.
    "actions": {"export": True, "source": False, "compiled": False, "editor": False},
}
_NO_PICTURE = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAAC0lEQVR42mNgAAIAAAUAAen63NgAAAAASUVORK5CYII="
)
"""A PNG of one pixel that is not seen.

JupyterLab makes one of each chart that has none beside it, to be saved, and with it the chart is
drawn once more.
"""


class Picture(widgets.Output):  # type: ignore[misc]
    """Shows one chart at a time, or none."""

    def __init__(self) -> None:
        super().__init__()
        # `am`: the colours' names are known within it.
        self.add_class("am").add_class("am-picture")
        self._shown: dict[str, Any] = {}

    def show(self, chart: alt.Chart | alt.LayerChart | None) -> None:
        """Show this chart; the same one is not drawn again."""
        made = None if chart is None else chart._repr_mimebundle_()
        # With another renderer than ours it may come with metadata.
        bundle = (made[0] if isinstance(made, tuple) else made) or {}
        if bundle == self._shown:
            return
        self._shown = bundle
        self.layout.display = None if bundle else "none"
        self.outputs = ({"output_type": "display_data", "data": _embedded(bundle), "metadata": {}},)


def _embedded(bundle: dict[str, Any]) -> dict[str, Any]:
    if VEGA_MIME not in bundle:
        return bundle
    spec = bundle[VEGA_MIME]
    usermeta = {**spec.get("usermeta", {}), "embedOptions": _EMBED}
    return {**bundle, VEGA_MIME: {**spec, "usermeta": usermeta}, "image/png": _NO_PICTURE}
