"""One output of a cell → HTML: our own blocks as they are, everything else escaped or sanitised."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from typing import Any

from markupsafe import Markup
from nbconvert.filters import ansi2html, markdown2html
from nbconvert.preprocessors.sanitize import SanitizeHTML

from ampmetrics.reports.blocks import STYLE_END
from ampmetrics.reports.packed import packed
from ampmetrics.reports.plain import plain

__all__ = ["markdown", "output"]

_VEGA = re.compile(r"application/vnd\.vegalite\.v\d+(\.\d+)*[+.]json")
_WITHOUT_TEXT = re.compile(
    r"<(style|script|title|textarea|iframe|noscript)\b.*?(</\1\s*>|$)", re.S | re.I
)
_ANCHOR = re.compile(r'<a class="anchor-link"[^>]*>.*?</a>', re.S)
_TAGS = [
    "a", "abbr", "b", "blockquote", "br", "caption", "code", "dd", "del", "details", "div", "dl",
    "dt", "em", "figcaption", "figure", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "kbd",
    "li", "ol", "p", "pre", "q", "s", "samp", "small", "span", "strong", "sub", "summary", "sup",
    "table", "tbody", "td", "tfoot", "th", "thead", "tr", "ul", "var",
]  # fmt: skip
_ATTRIBUTES = {
    "*": ["class", "title", "align"],
    "a": ["href"],
    "img": ["src", "alt", "width", "height"],
    "td": ["colspan", "rowspan"],
    "th": ["colspan", "rowspan", "scope"],
}


def output(item: Any) -> Markup:
    """HTML of one output of a code cell."""
    if item.output_type == "stream":
        return _stream(item)
    if item.output_type == "error":
        return _error(item)
    return _shown(item.data, item.metadata)


def markdown(source: str) -> Markup:
    """HTML of a Markdown cell, without what could run or load."""
    return _sanitised(_ANCHOR.sub("", markdown2html(source)))


def _stream(item: Any) -> Markup:
    kind = "stderr" if item.name == "stderr" else "stdout"
    return Markup('<pre class="stream {}">{}</pre>').format(kind, _coloured(item.text))


def _coloured(text: str) -> Markup:
    """Text of a terminal, escaped, its colours as classes."""
    return Markup(ansi2html(text))  # type: ignore[no-untyped-call]  # noqa: S704


def _error(item: Any) -> Markup:
    trace = Markup("\n").join(_coloured(line) for line in item.traceback)
    return Markup(
        '<div class="am-notice am-error"><strong>{}</strong>: {}</div>'
        "<details class=trace><summary>Traceback</summary><pre>{}</pre></details>"
    ).format(item.ename, plain(item.evalue), trace)


def _shown(data: Any, metadata: Any) -> Markup:
    for mime in data:
        if _VEGA.fullmatch(mime):
            return _chart(data[mime])
    if "text/html" in data and "ampmetrics" in metadata:
        # Made by `reports.blocks`, which escapes all it is given.
        return Markup(data["text/html"].split(STYLE_END, 1)[-1])  # noqa: S704
    for mime in ("image/svg+xml", "image/png", "image/jpeg"):
        if mime in data:
            return _image(mime, data[mime], metadata.get(mime, {}))
    if "text/html" in data:
        return Markup('<div class="foreign">{}</div>').format(_sanitised(data["text/html"]))
    if "text/markdown" in data:
        return markdown(data["text/markdown"])
    if "application/json" in data:
        text = json.dumps(data["application/json"], indent=2, ensure_ascii=False)
        return Markup("<pre>{}</pre>").format(text)
    return Markup("<pre>{}</pre>").format(
        data.get("text/plain", "An output that a page cannot show.")
    )


def _image(mime: str, content: str, metadata: Any) -> Markup:
    if mime == "image/svg+xml":
        from base64 import b64encode

        # As an image an SVG runs no script.
        content = b64encode(content.encode()).decode()
    source = f"data:{mime};base64,{''.join(content.split())}"
    alt = metadata.get("alt", "An image without a description")
    return Markup('<img src="{}" alt="{}">').format(source, alt)


def _chart(spec: Any) -> Markup:
    # The page has Vega-Lite 6, which draws what is written for 5 but would complain of it.
    spec = {name: value for name, value in spec.items() if name != "$schema"}
    title = spec.pop("title", None)
    heading, small = (
        (title.get("text"), title.get("subtitle")) if isinstance(title, dict) else (title, None)
    )
    height = spec.get("height")
    room = f"{height + 60:.0f}px" if isinstance(height, int | float) else "200px"
    return Markup(
        '<figure class="card chart"><figcaption>{}{}</figcaption>'
        '<div class="vis" role="img" aria-label="{}" style="min-height:{}"></div>'
        "{}</figure>"
    ).format(
        Markup("<h3>{}</h3>").format(_joined(heading)) if heading else "",
        Markup("<p class=am-small>{}</p>").format(_joined(small)) if small else "",
        _joined(spec.get("description") or heading) or "A chart without a description",
        room,
        _packed(spec),
    )


def _joined(text: Any) -> str:
    return plain(" ".join(map(str, text)) if isinstance(text, list) else str(text or ""))


def _packed(spec: Any) -> Markup:
    # Packed, data that agents printed cannot end the script; and it is a fifth as large.
    try:
        json.dumps(spec, allow_nan=False)
    except ValueError:
        spec = _without_nan(spec)
    return packed([spec])


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    return [_without_nan(item) for item in value] if isinstance(value, list) else value


def _sanitised(html: str) -> Markup:
    clean = _sanitizer().sanitize_html_tags(_WITHOUT_TEXT.sub("", html))  # type: ignore[no-untyped-call]
    return Markup(clean)  # noqa: S704


@cache
def _sanitizer() -> SanitizeHTML:
    return SanitizeHTML(tags=_TAGS, attributes=_ATTRIBUTES, strip=True)  # type: ignore[no-untyped-call]
