"""Charts that stand beside one another, each as it is alone."""

from __future__ import annotations

import re
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
    otherwise: of two charts that name theirs one loses some. Where one does not name them it is
    left so: a word has one colour.
    """
    for key in _BESIDE:
        if key in spec:
            parts = [_placed(part, width) for part in spec[key]]
            own = {name: "independent" for name, named in _named({key: parts}).items() if named}
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


def _named(spec: dict[str, Any]) -> dict[str, bool]:
    """Of each channel that is a look: whether every scale of it tells which value has which."""
    found: dict[str, bool] = {}
    told = [
        (name, _tells(channel.get("scale", {})))
        for name, channel in spec.get("encoding", {}).items()
        if name in _LOOKS and "field" in channel
    ]
    for key in _PARTS:
        parts = spec.get(key, [])
        for part in parts if isinstance(parts, list) else [parts]:
            told += _named(part).items()
    for name, named in told:
        found[name] = found.get(name, True) and named
    return found


def _tells(scale: dict[str, Any] | None) -> bool:
    if scale is None:
        return True
    looks = scale.get("range")
    return isinstance(looks, list) and ("domain" in scale or len(looks) == 1)
