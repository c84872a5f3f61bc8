"""What a notebook shows beside charts and tables: a headline, figures, facts, notices, sentences.

Every text is escaped; null is never 0: it is `unknown`. A block shows itself in Jupyter, and the
page takes it over as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from markupsafe import Markup

from ampmetrics.errors import BadInputError
from ampmetrics.reports.columns import long_text
from ampmetrics.reports.format import UNKNOWN
from ampmetrics.reports.plain import plain
from ampmetrics.theme import DARK, css_variables

__all__ = [
    "STYLE_END",
    "Block",
    "caption_of",
    "facts",
    "figures",
    "headline",
    "notice",
    "sentences",
    "stack",
    "text",
]

STYLE_END = "<!-- ampmetrics -->"
"""Ends the style that a block brings along for Jupyter; the page has it already."""

_LONGEST_TEXT = 20_000


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of HTML with its plain text; Jupyter and the page show it."""

    html: Markup
    text: str
    says: Mapping[str, str] = field(default_factory=dict)
    """what the page is told about it, such as its title"""

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, str], dict[str, Any]]:
        # JupyterLab typesets `$…$` in HTML as a formula unless it is told not to.
        shown = (
            f"<style>{_jupyter_style()}</style>{STYLE_END}"
            f'<div class="am mathjax_ignore tex2jax_ignore">{self.html}</div>'
        )
        return {"text/html": shown, "text/plain": repr(self)}, {"ampmetrics": dict(self.says)}

    def __repr__(self) -> str:
        return plain(self.text)


def headline(text: str, *, title: str, kicker: str = "Report", note: str = "") -> Block:
    """The page's beginning: its title, and in one sentence what came out. `note`: small print."""
    html = Markup(
        '<header class="am-headline"><p class="am-kicker">{}</p><h1>{}</h1>'
        '<p class="am-lead">{}</p>{}</header>'
    )
    title, text = plain(title), plain(text)
    small = Markup('<p class="am-small">{}</p>').format(plain(note)) if note else ""
    return Block(html.format(kicker, title, text, small), f"{title}\n{text}", {"title": title})


def figures(items: Iterable[tuple[str, str] | tuple[str, str, str]]) -> Block:
    """Tiles of (label, value) or (label, value, note); the values are written already."""
    tiles, lines = [], []
    for label, value, *note in items:
        unknown = " am-dim" if value == UNKNOWN else ""
        small = (
            Markup("<small class=am-note>{}</small>").format(*map(plain, note)) if any(note) else ""
        )
        tiles.append(
            Markup('<li><span>{}</span> <strong class="am-value{}">{}</strong> {}</li>').format(
                plain(label), unknown, plain(value), small
            )
        )
        lines.append(f"{label}: {value}")
    html = Markup("<ul class=am-figures>{}</ul>").format(Markup("").join(tiles))
    return Block(html, "\n".join(lines))


def notice(text: str, *, kind: str = "info") -> Block:
    """A sentence not to be overlooked; `kind`: info, warning or error, else BadInputError."""
    if kind not in ("info", "warning", "error"):
        raise BadInputError(f"a notice cannot be {kind!r}: choose from info, warning, error")
    html = Markup('<div class="am-notice am-{}" role="note">{}</div>').format(kind, plain(text))
    return Block(html, plain(text))


def sentences(texts: Iterable[str], *, caption: str = "") -> Block:
    """A few sentences on one subject: the first stands out, the others are small print."""
    listed = [plain(each) for each in texts]
    said = [
        Markup('<p class="{}">{}</p>').format("am-small" if i else "am-first", each)
        for i, each in enumerate(listed)
    ]
    html = Markup("<div class=am-sentences>{}{}</div>").format(
        caption_of(caption, ""), Markup("").join(said)
    )
    return Block(html, "\n".join([*([caption] if caption else []), *listed]))


def facts(items: Mapping[str, Any]) -> Block:
    """Names and what is known of them; null shows as unknown."""
    said = {name: UNKNOWN if value is None else str(value) for name, value in items.items()}
    rows = [
        Markup("<div><dt>{}</dt><dd{}>{}</dd></div>").format(
            name, Markup(" class=am-dim") if value == UNKNOWN else "", long_text(value)
        )
        for name, value in said.items()
    ]
    lines = "\n".join(f"{name}: {value}" for name, value in said.items())
    return Block(Markup("<dl class=am-facts>{}</dl>").format(Markup("").join(rows)), lines)


def text(text: str | None, *, caption: str = "", open: bool = False) -> Block:  # noqa: A002
    """A long text, such as a prompt, that folds behind its caption; null is unknown.

    More than 20,000 characters are cut, and it is said. Terminal codes are left out.
    """
    if text is None:
        return Block(Markup("<p class=am-empty>{}: {}</p>").format(caption, UNKNOWN), UNKNOWN)
    shown = plain(text[:_LONGEST_TEXT])
    cut = f"\n… ({len(text):,} characters in all)" if len(text) > _LONGEST_TEXT else ""
    html = Markup("<details class=am-text{}><summary>{}</summary><pre>{}{}</pre></details>").format(
        Markup(" open") if open else "", caption or "Text", shown, cut
    )
    return Block(html, f"{caption}\n{shown}{cut}" if caption else shown + cut)


def stack(*blocks: Block) -> Block:
    """Several blocks as one, below one another."""
    html = Markup("<div class=am-stack>{}</div>").format(Markup("").join(b.html for b in blocks))
    says = {name: value for block in reversed(blocks) for name, value in block.says.items()}
    return Block(html, "\n\n".join(block.text for block in blocks), says)


def caption_of(caption: str, note: str) -> Markup:
    """What stands above a table or another block; nothing where there is nothing to say."""
    title = Markup("<h3>{}</h3>").format(plain(caption)) if caption else Markup("")
    small = Markup("<p class=am-small>{}</p>").format(plain(note)) if note else Markup("")
    return (
        Markup("<div class=am-caption>{}{}</div>").format(title, small)
        if caption or note
        else title
    )


@cache
def _jupyter_style() -> str:
    css = (Path(__file__).parent / "page" / "blocks.css").read_text(encoding="utf-8")
    dark = f"{DARK} .am{{{css_variables(dark=True)}}}"
    return f".am{{{css_variables(dark=False)}}}{dark}{css}"
