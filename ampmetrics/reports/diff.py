"""Edits of files → coloured diffs, one fold an edit; colour never says it alone: + and − do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ampmetrics.errors import BadInputError
from ampmetrics.reports.blocks import Block, caption_of
from ampmetrics.reports.plain import plain

if TYPE_CHECKING:
    import polars as pl

__all__ = ["diff"]

_LONGEST = 12_000
"""Characters of one diff."""
_LONGEST_LINE = 1_000
_KINDS = {
    "+": Markup("<ins>{}</ins>"),
    "-": Markup("<del>{}</del>"),
    "@": Markup("<em>{}</em>"),
    "": Markup("<samp>{}</samp>"),
}
_WORDS = {"create": "created", "modify": "modified", "delete": "deleted", "rename": "renamed"}


def diff(
    frame: pl.DataFrame,
    *,
    caption: str = "",
    empty: str = "No file was changed.",
    limit: int = 200,
) -> Block:
    """One fold an edit, in the order of the frame: its path, what was done, lines and the diff.

    `frame`: rows of the views net_changes or file_edits, with path and diff; shown where they are
    there: case_id, variant, trial, operation, old_path, lines_added, lines_deleted, is_binary, and
    diff_bytes, by which a diff that was cut says so. `limit`: edits shown. Raises BadInputError
    where path or diff is missing.
    """
    if lacking := {"path", "diff"} - {*frame.columns}:
        raise BadInputError(f"edits without {' and '.join(sorted(lacking))} show no diff")
    if frame.is_empty():
        return Block(Markup("<p class=am-empty>{}</p>").format(empty), empty)
    rows = frame.head(limit).to_dicts()
    note = f"The first {limit:,} of {frame.height:,} edits are shown." * (frame.height > limit)
    folds = Markup("").join(_fold(row) for row in rows)
    html = Markup("<div class=am-diffs>{}{}</div>").format(caption_of(caption, note), folds)
    lines = [_title(row) for row in rows]
    return Block(html, "\n".join([*([caption] if caption else []), *lines]))


def _fold(row: Mapping[str, Any]) -> Markup:
    return Markup(
        "<details class=am-diff><summary><span class=am-mono>{}</span> {} {}</summary>{}</details>"
    ).format(_path(row), _of(row), _counts(row), _body(row))


def _title(row: Mapping[str, Any]) -> str:
    added, deleted = row.get("lines_added"), row.get("lines_deleted")
    lines = "" if added is None and deleted is None else f" +{added or 0:,} −{deleted or 0:,}"
    return f"{_path(row)} {_WORDS.get(row.get('operation') or '', '')}{lines}"


def _path(row: Mapping[str, Any]) -> str:
    path, old = (plain(str(row.get(name) or "")) for name in ("path", "old_path"))
    return f"{old} → {path}" if old and old != path else path or "a path that is not known"


def _of(row: Mapping[str, Any]) -> Markup:
    """Whose edit it is, where that is told, and what was done."""
    names = [row[name] for name in ("case_id", "variant", "trial") if row.get(name) is not None]
    words = [" · ".join(plain(str(name)) for name in names)] if names else []
    words.append(_WORDS.get(row.get("operation") or "", ""))
    return Markup("<span class=am-op>{}</span>").format(", ".join(filter(None, words)))


def _counts(row: Mapping[str, Any]) -> Markup:
    if row.get("is_binary"):
        return Markup("<span class=am-op>binary</span>")
    added, deleted = row.get("lines_added"), row.get("lines_deleted")
    return Markup("{}{}").format(
        Markup("<b class=am-plus>+{:,}</b> ").format(added) if added else "",
        Markup("<b class=am-minus>−{:,}</b>").format(deleted) if deleted else "",
    )


def _body(row: Mapping[str, Any]) -> Markup:
    whole = row["diff"]
    if not whole:
        why = "A binary file has no lines." if row.get("is_binary") else "Its diff was not kept."
        return Markup("<p class=am-small>{}</p>").format(why)
    shown = plain(whole[:_LONGEST])
    here, n_bytes = len(whole.encode(errors="replace")), row.get("diff_bytes") or 0
    is_cut = len(whole) > _LONGEST or n_bytes > here
    size = f"{n_bytes:,}" if n_bytes >= here else f"at least {here:,}"
    note = f"Cut: the whole diff has {size} bytes." if is_cut else ""
    small = Markup("<p class=am-small>{}</p>").format(note) if note else ""
    return Markup("<pre>{}</pre>{}").format(Markup("").join(_lines(shown)), small)


def _lines(text: str) -> Iterator[Markup]:
    """The lines of a diff, those of one kind that follow each other in one element."""
    body = text.rstrip("\n").split("\n")
    first = next((i for i, line in enumerate(body) if line.startswith("@@")), 0)
    for kind, lines in groupby(body[first:], _kind):
        joined = "\n".join(_short(line) for line in lines) + "\n"
        yield _KINDS[kind].format(joined)


def _kind(line: str) -> str:
    return line[:1] if line[:1] in _KINDS else ""


def _short(line: str) -> str:
    more = len(line) - _LONGEST_LINE
    return line if more <= 0 else f"{line[:_LONGEST_LINE]}… ({more:,} more characters)"
