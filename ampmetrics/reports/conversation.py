"""Prompts and what the agent said to them: the words of one session."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from markupsafe import Markup

from ampmetrics.errors import BadInputError
from ampmetrics.reports.blocks import Block, caption_of
from ampmetrics.reports.columns import long_text
from ampmetrics.reports.format import UNKNOWN
from ampmetrics.reports.log_files import LogFile, log_files
from ampmetrics.reports.plain import plain

if TYPE_CHECKING:
    import polars as pl

__all__ = ["conversation"]

_NEEDED = ("iteration_number", "message", "file", "session_id", "case_id", "variant", "trial")
_MOST_TEXTS = 200
_LONGEST_LINE = 4_000_000
"""Bytes; a longer one is not read."""
_MOST_BYTES = 200_000_000
_SEEN = 3_000
"""Characters of a text that is seen at once; a longer one folds."""
_NO_LOGS = (
    "What the agent answered is in no event file but in its raw output, which is not kept here."
)
_NO_LOG = "What it answered is in its raw output, which is not kept here."
_NO_WORDS = "The agent's raw output has no words of its own in a known form."


def conversation(prompts: pl.DataFrame, *, caption: str = "") -> Block:
    """Each prompt of one session, and below it what the agent said itself.

    `prompts`: rows with iteration_number, message (null: not known), file, session_id, case_id,
    variant and trial. The agent's words are read from its raw output in the folder `logs` beside
    the event file; where they are not, or in no known form, that is said. At most 200 texts of an
    answer, of the first 200 MB and of lines of at most 4 MB; what is not read is said too. Raises
    BadInputError on a frame without these columns.
    """
    if lacking := [name for name in _NEEDED if name not in prompts.columns]:
        raise BadInputError(f"prompts without {', '.join(lacking)} cannot be told from others")
    rows = prompts.to_dicts()
    if not rows:
        return Block(Markup("<p class=am-empty>No prompt was recorded.</p>"), "No prompt")
    logs = {log.prompt: log for log in log_files(rows[0]) if log.what == "stdout"}
    told = [(row, list(_answer(logs.get(row["iteration_number"])))) for row in rows]
    none = not any(answer for _, answer in told)
    note = (_NO_WORDS if logs else _NO_LOGS) if none else ""
    turns = [turn for row, answer in told for turn in _turns(row, answer, none=none, logs=logs)]
    html = Markup("<div class=am-table>{}<dl class='am-facts am-talk'>{}</dl></div>").format(
        caption_of(caption, note),
        Markup("").join(
            Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(who, text) for who, text in turns
        ),
    )
    return Block(html, caption or "Conversation")


def _turns(
    row: Mapping[str, Any], answer: list[Markup], *, none: bool, logs: Mapping[int, LogFile]
) -> Iterator[tuple[str, Markup]]:
    number = row["iteration_number"]
    yield f"Prompt {number or ''}".strip(), _shown(row["message"])
    if not answer and not none:
        answer = [_small(_NO_WORDS if number in logs else _NO_LOG)]
    yield from (("Agent", text) for text in answer)


def _shown(text: str | None) -> Markup:
    if text is None:
        return Markup("<span class=am-dim>{}</span>").format(UNKNOWN)
    if len(text) > _SEEN:
        return long_text(text)
    return Markup("<span class=am-words>{}</span>").format(plain(text).strip())


def _small(text: str) -> Markup:
    return Markup("<em class=am-dim>{}</em>").format(text)


def _answer(log: LogFile | None) -> Iterator[Markup]:
    """The agent's texts, and what of its raw output was not read."""
    from ampmetrics.agents.said import said

    if log is None:
        return
    skipped: list[str] = []
    try:
        with log.path.open("rb") as file, closing(_lines(file, skipped)) as lines:
            texts = (text for text in said(lines) if plain(text).strip())
            yield from map(_shown, islice(texts, _MOST_TEXTS))
            if next(texts, None) is not None:
                skipped.append(f"More than {_MOST_TEXTS} texts; the others are in its raw output.")
    except OSError as error:
        skipped.append(f"{log.path.name} cannot be read: {error.strerror or error}")
    yield from map(_small, skipped)


def _lines(file: BinaryIO, skipped: list[str]) -> Generator[bytes]:
    """The lines that are read; at its end `skipped` is told of the others."""
    too_long = 0
    try:
        while file.tell() < _MOST_BYTES and (line := file.readline(_LONGEST_LINE + 1)):
            if len(line) <= _LONGEST_LINE:
                yield line
                continue
            too_long += 1
            while line and not line.endswith(b"\n") and file.tell() < _MOST_BYTES:
                line = file.readline(_LONGEST_LINE)
    finally:
        if too_long:
            skipped.append(
                f"{too_long:,} line{'s' * (too_long > 1)} of more than {_LONGEST_LINE // 10**6} MB "
                "of its raw output not read."
            )
    if file.tell() >= _MOST_BYTES and file.read(1):
        skipped.append(f"Its raw output was read up to {_MOST_BYTES // 10**6} MB.")
