"""The raw output that `bench` left beside the events: the ends of a trial's log files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ampmetrics.errors import BadInputError
from ampmetrics.reports.blocks import Block, caption_of
from ampmetrics.reports.columns import pill
from ampmetrics.reports.log_files import log_files
from ampmetrics.reports.plain import plain

if TYPE_CHECKING:
    import polars as pl

__all__ = ["logs"]

_MOST_BYTES = 16_384
_LONGEST_LINE = 400
_LONGEST_REASON = 120
_MOST = 60
_OPEN = 15
"""Trials that are seen at once; the others fold."""
_NONE = "There are no log files of {} beside the event file: they were not kept or not copied."
_NEEDED = ("file", "case_id", "variant", "trial")


def logs(
    trials: pl.DataFrame,
    *,
    caption: str = "",
    empty: str = "There is no such trial.",
    lines: int = 40,
) -> Block:
    """One fold a trial, in the order of the frame: the last lines of each log file it left.

    `trials`: rows with file, case_id, variant and trial, as of `aggregates.trials`; outcome and
    reason are shown where they are there. Read from the folder `logs` beside the event file; what
    is not there is said. At most 60 trials. Raises BadInputError on a frame without these columns.
    """
    if lacking := [name for name in _NEEDED if name not in trials.columns]:
        raise BadInputError(f"trials without {', '.join(lacking)} cannot be told from others")
    if trials.is_empty():
        return Block(Markup("<p class=am-empty>{}</p>").format(empty), empty)
    rows = trials.head(_MOST).to_dicts()
    note = f"The first {_MOST} of {trials.height:,} trials are shown." * (trials.height > _MOST)
    folds = [_fold(row, lines) for row in rows]
    if not any(log_files(row) for row in rows):
        note = f"{_NONE.format('them')} {note}".strip()
    more = len(folds) - _OPEN
    rest = Markup("<details class=am-how><summary>{} more trials</summary>{}</details>")
    html = Markup("<div class=am-logs>{}{}{}</div>").format(
        caption_of(caption, note),
        Markup("").join(folds[:_OPEN]),
        rest.format(more, Markup("").join(folds[_OPEN:])) if more > 0 else "",
    )
    names = [f"{row['case_id']} {row['variant']} {row['trial']}" for row in rows]
    return Block(html, "\n".join([*([caption] if caption else []), *names]))


def _fold(row: Mapping[str, Any], lines: int) -> Markup:
    names = " · ".join(plain(str(row[name])) for name in _NEEDED[1:] if row[name] is not None)
    return Markup(
        "<details class=am-log><summary><span>{}</span> {} <span class=am-op>{}</span></summary>"
        "{}</details>"
    ).format(
        names,
        pill(row["outcome"]) if "outcome" in row else "",
        _short(plain(row.get("reason") or ""), _LONGEST_REASON),
        Markup("").join(_tails(row, lines)),
    )


def _tails(row: Mapping[str, Any], lines: int) -> Iterator[Markup]:
    found = log_files(row)
    if not found:
        yield Markup("<p class=am-small>{}</p>").format(_NONE.format("it"))
    for log in found:
        said, is_whole = _tail(log.path, lines)
        if not said:
            continue
        part = "" if is_whole else ", its last lines"
        yield Markup("<h4>{} <span class=am-op>{}{}</span></h4><pre>{}</pre>").format(
            log.title, log.path.name, part, said
        )
    if found and not any(log.path.stat().st_size for log in found):
        yield Markup("<p class=am-small>Its log files are empty.</p>")


def _tail(path: Path, lines: int) -> tuple[str, bool]:
    """The last lines of a file and whether they are all."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - _MOST_BYTES))
            read = file.read().decode(errors="replace")
    except OSError as error:
        return f"cannot be read: {error.strerror or error}", True
    told = plain(read).strip("\n").split("\n")
    shown = [_short(line) for line in told[-lines:]]
    return "\n".join(shown), size <= _MOST_BYTES and len(told) <= lines


def _short(line: str, longest: int = _LONGEST_LINE) -> str:
    more = len(line) - longest
    return line if more <= 0 else f"{line[:longest]}… ({more:,} more characters)"
