"""A frame → a table that the page sorts and filters; what its signs mean stands above it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ampmetrics.errors import BadInputError
from ampmetrics.reports.amounts import amount, amounts
from ampmetrics.reports.blocks import Block, caption_of
from ampmetrics.reports.columns import Column, column
from ampmetrics.reports.packed import packed

if TYPE_CHECKING:
    import polars as pl

__all__ = ["table"]

_NAMES = ("case_id", "variant")
_SHORT_NAME = 28
_OPEN = 60
"""Rows that are in the page as they are."""
_FEW = 24
"""Rows that stay on one sheet of paper."""
_MOST = 1e308
_LEAST = Markup("<abbr title='at least'>≥</abbr> ")


def table(
    frame: pl.DataFrame,
    columns: Mapping[str, str] | Sequence[str] = (),
    *,
    caption: str = "",
    note: str = "",
    empty: str = "Nothing.",
    limit: int | None = 500,
    at_least: Mapping[str, str] | None = None,
    filterable: bool = False,
) -> Block:
    """A frame as a table that the page can sort; numbers are written by what their name ends in.

    `columns`: which of the frame's columns in which order, all where none is named; a mapping
    gives each a heading. `limit`: rows shown, the caption says how many there are; null: all.
    `at_least`: columns whose value is a lower bound where another column is true. `filterable`:
    the page offers a search, and a choice for each column of few texts that recur and are no
    times. Raises BadInputError on a column that the frame does not have.
    """
    chosen = columns if isinstance(columns, Mapping) else dict.fromkeys(columns or frame.columns)
    bounds = at_least or {}
    if unknown := [name for name in (*chosen, *bounds.values()) if name not in frame.columns]:
        raise BadInputError(
            f"the frame has no column {unknown[0]!r}: choose from {', '.join(frame.columns)}"
        )
    if frame.is_empty():
        return Block(Markup("<p class=am-empty>{}</p>").format(empty), empty)
    # What is no number (0 / 0) is not known.
    shown = (frame if limit is None else frame.head(limit)).fill_nan(None)
    heads = [_column(shown, name, chosen[name]) for name in chosen]
    if shown.height < frame.height:
        note = f"{note} The first {shown.height:,} of {frame.height:,} rows are shown.".strip()
    note = " ".join([note, *_legend(shown, chosen, bounds)]).strip()
    head = Markup("").join(_head(each) for each in heads)
    places = list(zip(chosen, heads, strict=True))
    rows = [_row(places, row, bounds) for row in shown.iter_rows(named=True)]
    html = Markup(
        "<div class='am-table{}'{}>{}<div class=am-scroll><table><thead><tr>{}</tr></thead>"
        "<tbody>{}</tbody></table></div>{}</div>"
    ).format(
        " am-few" * (len(rows) <= _FEW), Markup(" data-filter") * filterable,
        caption_of(caption, note), head,
        Markup("").join(rows[:_OPEN]), _more(rows[_OPEN:]),
    )  # fmt: skip
    return Block(html, f"{caption or 'Table'}: {frame.height} rows")


def _more(rows: Sequence[Markup]) -> Markup:
    """Rows that the page's script puts into the table: packed they are a tenth as large."""
    if not rows:
        return Markup("")
    said = Markup("<p class='am-small am-left'>{}</p>").format(f"{len(rows):,} rows more.")
    return said + packed(rows)


def _column(frame: pl.DataFrame, name: str, label: str | None) -> Column:
    """The column of this name; numbers that are written as texts stand like numbers."""
    values = frame[name]
    found = column(name, label, numeric=values.dtype.is_numeric())
    is_name = found.mono or name in _NAMES
    kinds = None if is_name else amounts(values)
    if kinds is None:
        return found
    # Of several kinds none is more than the other.
    return found._replace(numeric=True, by=_size if len(kinds) == 1 else lambda _: None)


def _head(each: Column) -> Markup:
    return Markup("<th scope=col{}>{}</th>").format(
        Markup(" class=am-num") if each.numeric else "", each.label
    )


def _legend(shown: pl.DataFrame, chosen: Iterable[str], bounds: Mapping[str, str]) -> Iterable[str]:
    """What the signs in the cells mean, where there are any."""
    if any(shown[name].null_count() for name in chosen if name != "outcome"):
        yield "— stands for what is not known or not there."
    pairs = (
        pair for names in bounds.items() for pair in zip(*map(shown.get_column, names), strict=True)
    )
    if any(value is not None and flag is True for value, flag in pairs):
        yield "≥ stands before sums that leave out what is not known."


def _row(
    places: Sequence[tuple[str, Column]], row: Mapping[str, Any], bounds: Mapping[str, str]
) -> Markup:
    cells = [
        _cell(each, row[name], least=name in bounds and row[bounds[name]] is True)
        for name, each in places
    ]
    return Markup("<tr>{}</tr>").format(Markup("").join(cells))


def _cell(each: Column, value: Any, *, least: bool) -> Markup:
    name = "am-num" if each.numeric else "am-mono" if each.mono else _width(value)
    kind = Markup(" class={}").format(name) if name else ""
    # What the page sorts by; a text sorts by what is shown.
    size = None if value is None else each.by(value)
    # A script reads no `inf`.
    by = "" if size is None else Markup(" data-v={:.12g}").format(max(-_MOST, min(_MOST, size)))
    sign = _LEAST if least and value is not None else ""
    return Markup("<td{}{}>{}{}</td>").format(kind, by, sign, each.show(value))


def _size(text: Any) -> float | None:
    found = amount(text)
    return found and found.size


def _width(value: Any) -> str:
    # A short name never breaks: `add-cli-flag` in three lines is hard to read.
    return "am-short" if len(str(value)) <= _SHORT_NAME else "am-long"
