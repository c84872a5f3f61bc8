"""Prompts and what the agent said to them: the words of one session."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ampmetrics.reports.blocks import Block, caption_of
from ampmetrics.reports.columns import long_text
from ampmetrics.reports.format import UNKNOWN
from ampmetrics.reports.log_files import LogFile, log_files
from ampmetrics.reports.plain import plain

if TYPE_CHECKING:
    import polars as pl

__all__ = ["conversation"]

_MOST_TEXTS = 200
_MOST_BYTES = 32_000_000
_SEEN = 3_000
"""Characters of a text that is seen at once; a longer one folds."""
_NO_LOGS = (
    "What the agent answered is in no event file but in its raw output, which is not kept here."
)
_NO_WORDS = "The agent's raw output has no words of its own in a known form."


def conversation(prompts: pl.DataFrame, *, caption: str = "") -> Block:
    """Each prompt of one session, and below it what the agent said itself.

    `prompts`: rows with iteration_number, message (null: not known), file, session_id, case_id,
    variant and trial. The agent's words are read from its raw output in the folder `logs` beside
    the event file; where they are not, or in no known form, that is said. At most 200 texts of an
    answer.
    """
    rows = prompts.to_dicts()
    if not rows:
        return Block(Markup("<p class=am-empty>No prompt was recorded.</p>"), "No prompt")
    logs = {log.prompt: log for log in log_files(rows[0]) if log.what == "stdout"}
    told = [(row, list(_words(logs.get(row["iteration_number"])))) for row in rows]
    note = "" if any(words for _, words in told) else _NO_WORDS if logs else _NO_LOGS
    turns = [turn for row, words in told for turn in _turns(row, words)]
    html = Markup("<div class=am-table>{}<dl class='am-facts am-talk'>{}</dl></div>").format(
        caption_of(caption, note),
        Markup("").join(
            Markup("<div><dt>{}</dt><dd>{}</dd></div>").format(who, text) for who, text in turns
        ),
    )
    return Block(html, caption or "Conversation")


def _turns(row: Mapping[str, Any], words: list[str]) -> Iterator[tuple[str, Markup]]:
    yield f"Prompt {row['iteration_number'] or ''}".strip(), _shown(row["message"])
    for text in words[:_MOST_TEXTS]:
        yield "Agent", _shown(text)
    if len(words) > _MOST_TEXTS:
        yield (
            "Agent",
            Markup("<em>More than {} texts; the others are in its raw output.</em>").format(
                _MOST_TEXTS
            ),
        )


def _shown(text: str | None) -> Markup:
    if text is None:
        return Markup("<span class=am-dim>{}</span>").format(UNKNOWN)
    if len(text) > _SEEN:
        return long_text(text)
    return Markup("<span class=am-words>{}</span>").format(plain(text).strip())


def _words(log: LogFile | None) -> Iterator[str]:
    from ampmetrics.agents.said import said

    if log is None:
        return
    try:
        with log.path.open("rb") as file:
            yield from islice(said(file.readlines(_MOST_BYTES)), _MOST_TEXTS + 1)
    except OSError as error:
        yield f"{log.path.name} cannot be read: {error.strerror or error}"
