"""A column of a frame → its heading, its side and how a value is written, told by its name."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from ampmetrics.events import Outcome
from ampmetrics.reports.format import count, duration, number, probability, rate, usd
from ampmetrics.reports.plain import plain
from ampmetrics.theme import css_colour, outcome_look, variant_colours

__all__ = ["NULL", "Column", "column", "long_text", "pill", "variant"]

NULL = Markup("<span class=am-null role=img aria-label=unknown title=unknown>—</span>")

_LABELS = {
    "agent_ms": "Agent's time",
    "args": "Arguments",
    "cache_read_tokens": "From cache",
    "cache_write_tokens": "To cache",
    "case_id": "Case",
    "check": "Check",
    "churn": "Lines edited for one that stays",
    "ci_high": "to",
    "ci_low": "from",
    "cost_usd": "Cost",
    "duration_ms": "Time",
    "n": "n",
    "missing_files": "Expected files missing",
    "n_net": "Files changed",
    "n_not_visible": "Not visible",
    "n_tool_calls": "Tool calls",
    "net_added": "Net lines +",
    "net_deleted": "Net lines −",
    "of": "of",
    "p_holm": "p, adjusted",
    "p_value": "p",
    "p50_ms": "p50 time",
    "p95_ms": "p95 time",
    "total_ms": "Time in all",
    "prompt_tokens": "Input",
    "completion_tokens": "Output",
    "reported_cost_usd": "Reported cost",
    "run_id": "Run",
    "session_id": "Session",
    "tool_name": "Tool",
    "total_tokens": "Tokens",
    "trial": "Trial",
    "what": "What",
}
_UNITS = ("_ms", "_usd", "_tokens", "_sec")
_OUTCOMES = frozenset(str(outcome) for outcome in Outcome)
_SHORT = 96
_LONGEST = 4000


class Column(NamedTuple):
    """How one column is shown."""

    label: str
    numeric: bool
    """Stands right."""
    mono: bool
    show: Callable[[Any], Markup]
    by: Callable[[Any], float | None]
    """What a value sorts by; null: by what is shown."""


def column(name: str, label: str | None = None, *, numeric: bool) -> Column:
    """The column of this name."""
    return Column(
        label=label if label is not None else _heading(name),
        numeric=numeric,
        mono=not numeric and name in ("path", "file", "session_id", "run_id", "text"),
        show=_writer(name, numeric),
        by=(lambda value: value) if numeric else (lambda _: None),
    )


def variant(name: str) -> Markup:
    """A variant's name behind a dot of its colour."""
    colour = css_colour(variant_colours([name])[name]).removeprefix("var(--").removesuffix(")")
    return Markup("<i class='am-dot {}'></i>{}").format(colour, plain(name))


def pill(outcome: str | None) -> Markup:
    """An outcome as a sign, a word and a colour; null: the trial never ended."""
    look = outcome_look(outcome)
    kind = outcome if outcome in _OUTCOMES else "unfinished" if outcome is None else "no_verdict"
    return Markup("<span class='am-pill am-is-{}'><i>{}</i> {}</span>").format(
        kind, look.glyph, plain(look.word)
    )


def long_text(text: str) -> Markup:
    """A text; a long one folds, and a very long one is cut and says so."""
    if len(text) <= _SHORT and "\n" not in text:
        return escape(plain(text))
    shown = plain(text[:_LONGEST])
    cut = f"\n… ({len(text):,} characters in all)" if len(text) > _LONGEST else ""
    head = " ".join(shown[: _SHORT - 12].split())
    return Markup("<details class=am-fold><summary>{}…</summary><pre>{}{}</pre></details>").format(
        head, shown, cut
    )


def _heading(name: str) -> str:
    if name in _LABELS:
        return _LABELS[name]
    bare = name.removeprefix("n_")
    for unit in _UNITS:
        bare = bare.removesuffix(unit)
    words = bare.replace("_", " ")
    return words[:1].upper() + words[1:]


def _writer(name: str, numeric: bool) -> Callable[[Any], Markup]:
    if name == "outcome" and not numeric:
        return lambda value: pill(None if value is None else str(value))
    write = _number_writer(name) if numeric else _named_text.get(name, _text)
    return lambda value: NULL if value is None else write(value)


def _number_writer(name: str) -> Callable[[Any], Markup]:
    if name.endswith("_ms"):
        return lambda value: escape(duration(value))
    if name.endswith("_usd"):
        return lambda value: escape(usd(value))
    if name.endswith("_sec"):
        return lambda value: escape(duration(value * 1000))
    if name.endswith("_rate") or name == "rate":
        return _rate
    if name in ("p_value", "p_holm"):
        return lambda value: escape(probability(value))
    if name.endswith("_tokens"):
        return lambda value: _tokens(value)
    return lambda value: escape(number(value))


def _tokens(value: float) -> Markup:
    exact, short = f"{value:,.0f}", count(value)
    return (
        escape(short) if exact == short else Markup("<span title={}>{}</span>").format(exact, short)
    )


def _rate(value: float) -> Markup:
    bar = Markup("<i class=am-bar style=--part:{:.4g}></i><span class=am-rate>{}</span>")
    return bar.format(max(0.0, min(1.0, value)), rate(value))


def _text(value: Any) -> Markup:
    if isinstance(value, bool):
        return escape("yes" if value else "no")
    if isinstance(value, datetime):
        return escape(value.strftime("%Y-%m-%d %H:%M:%S"))
    if isinstance(value, list | dict):
        return long_text(json.dumps(value, ensure_ascii=False, default=str))
    return long_text(str(value))


def _files(names: Any) -> Markup:
    if not isinstance(names, list):
        return _text(names)
    return long_text(", ".join(map(str, names)) or "none")


_named_text: dict[str, Callable[[Any], Markup]] = {
    "missing_files": _files,
    "variant": lambda value: variant(str(value)),
}
