"""A page → Markdown: its words, tables and what its charts say; nothing in it is obeyed.

A word that could be a tag, a link, a mention or a sign of Markdown stands as code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ampmetrics.reports.tree import Element, tree

__all__ = ["code", "markdown_of"]

_STARTS = re.compile(r"([-+=#>]|\d+[.)])")
_SIGNS = re.compile(r"[`*_\[\]<>{}\\|~@&#^]|://|\bwww\.|\bmailto:|\bxmpp:", re.I)
_BLOCKS = frozenset(
    ("h1", "h2", "h3", "h4", "h5", "h6", "p", "ul", "ol", "dl", "table", "pre", "figure", "details",
     "div", "section", "header", "blockquote", "li", "hr")
)  # fmt: skip
_SKIPPED = frozenset(("script", "style", "nav", "svg"))
_LONGEST_CELL = 300


def markdown_of(page: Mapping[str, Any]) -> str:
    """The document, of what `exporter.page_of` gives."""
    parts = []
    if page["failure"]:
        parts.append(f"**This report is not complete.** {_inline(page['failure'])}")
    for part in page["parts"]:
        parts.extend(_blocks(tree(part.html)))
    if page["about"]:
        parts.append(_inline(page["about"]))
    return "\n\n".join(filter(None, parts)) + "\n"


def _blocks(element: Element) -> Iterator[str]:
    """The blocks within an element; text between them is a paragraph."""
    loose: list[Element | str] = []
    for child in element.children:
        if isinstance(child, Element) and child.tag in _BLOCKS:
            yield _words(Element("p", {}, loose))
            loose = []
            yield from _block(child)
        elif not (isinstance(child, Element) and child.tag in _SKIPPED):
            loose.append(child)
    yield _words(Element("p", {}, loose))


def _block(element: Element) -> Iterator[str]:
    tag = element.tag
    if tag[0] == "h" and tag[1:].isdigit():
        yield f"{'#' * int(tag[1:])} {_words(element)}"
    elif tag == "p":
        yield "" if element.has("am-kicker") else _words(element)
    elif tag in ("ul", "ol", "dl"):
        items = element.elements("li") if tag != "dl" else element.elements("div")
        yield "\n".join(f"- {_item(item)}" for item in items)
    elif tag == "table":
        yield _table(element)
    elif tag == "pre":
        yield _fenced(element.text())
    elif tag == "figure":
        yield from _figure(element)
    elif tag == "details":
        yield from _details(element)
    elif not element.has("am-axis"):
        yield from _blocks(element)


def _item(element: Element) -> str:
    names = [_words(each) for each in element.elements("dt")]
    if names:
        return f"{names[0]}: {' '.join(_words(each) for each in element.elements('dd'))}"
    summaries = list(element.elements("summary"))
    return _words(summaries[0] if summaries else element)


def _figure(element: Element) -> Iterator[str]:
    for caption in element.elements("figcaption"):
        yield from _blocks(caption)
    for drawn in element.elements("div"):
        yield f"Chart: {_inline(drawn.attributes.get('aria-label', ''))}"


def _details(element: Element) -> Iterator[str]:
    for child in element.children:
        if isinstance(child, Element) and child.tag == "summary":
            yield f"**{_words(child) or 'More'}**"
    rest = [c for c in element.children if not (isinstance(c, Element) and c.tag == "summary")]
    yield from _blocks(Element("div", {}, rest))


def _table(element: Element) -> str:
    rows = [list(row.elements("td", "th")) for row in element.elements("tr")]
    if not rows:
        return ""
    rules = ["--:" if cell.has("am-num") else "---" for cell in rows[0]]
    lines = [[_cell(cell) for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [lines[0], rules, *lines[1:]])


def _cell(element: Element) -> str:
    folded = next(element.elements("pre"), None)
    text = " ".join((folded or element).text().split())
    cut = text if len(text) <= _LONGEST_CELL else f"{text[:_LONGEST_CELL]}…"
    # Also within code a bar ends the cell, unless a backslash is before it.
    return (code(cut) if folded else _inline(cut, start=False)).replace("|", "\\|")


def _words(element: Element) -> str:
    """The text in one line, what is strong as such."""
    return _begun(_said(element))


def _said(element: Element) -> str:
    parts = []
    for child in element.children:
        if isinstance(child, str):
            parts.append(_inline(child, start=False, keep=True))
        elif child.tag in ("strong", "b") and child.text().strip():
            parts.append(f"**{_inline(child.text(), start=False)}**")
        elif child.tag == "code":
            parts.append(code(child.text()))
        elif child.tag == "img":
            parts.append(_inline(child.attributes.get("alt", ""), start=False))
        elif child.tag not in _SKIPPED:
            space = " " if child.tag in ("span", "small", "i", "a") else ""
            parts.append(f"{space}{_said(child)}{space}")
    return re.sub(r" ([.,;:)])", r"\1", " ".join("".join(parts).split()))


def _inline(text: str, *, start: bool = True, keep: bool = False) -> str:
    """Words as they are; what is more than words as code. `keep`: blanks at its ends."""
    said = " ".join(_word(word) for word in text.split())
    if keep and text[:1].isspace():
        said = f" {said}"
    if keep and text.strip() and text[-1:].isspace():
        said = f"{said} "
    return _begun(said) if start else said


def _begun(text: str) -> str:
    """A line that is none of a list, a heading or a rule."""
    found = _STARTS.match(text)
    return f"{text[: found.end() - 1]}\\{text[found.end() - 1 :]}" if found else text


def _word(word: str) -> str:
    return code(word) if _SIGNS.search(word) or not word.isprintable() else word


def code(text: str) -> str:
    """A text that is shown as it is, with a blank for what is no sign; nothing of nothing."""
    shown = "".join(c if c.isprintable() else " " for c in text)
    if not shown.strip():
        return ""
    fence = "`" * (max(map(len, re.findall("`+", shown)), default=0) + 1)
    # Who renders it takes a blank from each end, where there are two.
    pad = " " if {shown[0], shown[-1]} & {"`", " "} else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _fenced(text: str) -> str:
    fence = "`" * max(3, max(map(len, re.findall("`+", text)), default=0) + 1)
    return f"{fence}text\n{text.strip(chr(10))}\n{fence}"
