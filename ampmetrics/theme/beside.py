"""Charts that stand beside one another, each as it is alone."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any

__all__ = ["apart"]

_BESIDE = ("concat", "hconcat", "vconcat")
_PARTS = ("layer", *_BESIDE, "spec")
_LOOKS = ("color", "fill", "stroke", "shape", "opacity", "strokeDash", "size")
_EXPRESSIONS = ("expr", "labelExpr", "calculate", "filter", "test")
_WIDTH = re.compile(r"""(?<![\w.'"])width(?![\w'"])""")


def apart(spec: dict[str, Any], width: float) -> dict[str, Any]:
    """The same, with charts that stand beside one another each as it is alone.

    `width`: that of those that do not say theirs, px. Vega knows only one width of all of them,
    which is none of theirs. And Vega-Lite makes one scale of all their colours, if nobody says
    otherwise: of two charts that name theirs one loses some. Where they name the same, or one does
    not name them, it is left so: a word has one colour.
    """
    for key in _BESIDE:
        if key in spec:
            parts = [_placed(part, width) for part in spec[key]]
            scales = _scales({key: parts})
            own = {name: "independent" for name, of in scales.items() if _apart(of)}
            asked = spec.get("resolve", {})
            resolve = {**asked, "scale": {**own, **asked.get("scale", {})}}
            spec = {**spec, key: parts, "resolve": resolve}
    return spec


def _placed(part: dict[str, Any], width: float) -> dict[str, Any]:
    if "mark" not in part and "layer" not in part:
        return apart(part, width)
    asked = part.get("width", width)
    if not isinstance(asked, int | float):
        return part
    measured: dict[str, Any] = _measured(part, f"{asked:g}")
    return {**measured, "width": asked}


def _measured(node: Any, width: str, *, expression: bool = False) -> Any:
    """The same, with the number in place of the width that expressions speak of."""
    if isinstance(node, dict):
        return {
            key: value if key == "data" else _measured(value, width, expression=key in _EXPRESSIONS)
            for key, value in node.items()
        }
    if isinstance(node, list):
        return [_measured(each, width) for each in node]
    return _WIDTH.sub(width, node) if expression and isinstance(node, str) else node


def _scales(spec: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """All scales of each channel that is a look."""
    found: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, channel in spec.get("encoding", {}).items():
        if name in _LOOKS:
            found[name] += [each.get("scale", {}) for each in _of_fields(channel)]
    for key in _PARTS:
        parts = spec.get(key, [])
        for part in parts if isinstance(parts, list) else [parts]:
            for name, scales in _scales(part).items():
                found[name] += scales
    return found


def _of_fields(channel: dict[str, Any]) -> list[dict[str, Any]]:
    """What of a channel, or of its conditions, has a field and a scale."""
    also = channel.get("condition", [])
    each = [channel, *(also if isinstance(also, list) else [also])]
    return [one for one in each if "field" in one and one.get("scale", {}) is not None]


def _apart(scales: list[dict[str, Any]]) -> bool:
    """Whether they differ, and each tells which value has which look."""
    named = all(
        isinstance(looks := scale.get("range"), list) and ("domain" in scale or len(looks) == 1)
        for scale in scales
    )
    return named and any(scale != scales[0] for scale in scales)
