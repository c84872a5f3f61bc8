"""Markdown for a summary or a comment on GitHub: short, and nothing of an agent's is obeyed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ampmetrics.cli.rates import percent
from ampmetrics.reports import markdown

if TYPE_CHECKING:
    import polars as pl

__all__ = ["cases_table", "code", "fold", "table"]

_LONGEST = 160
_MOST_CASES = 100
"""A comment on GitHub has room for 65,536 characters."""


def code(text: str | None) -> str:
    """A text that is shown as it is: as code no tag, link, mention or emoji comes to life."""
    if text is None:
        return "—"
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return markdown.code(shown) or "(blank)"


def table(names: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """The lines of a table; a column of numbers has a name that ends with a blank."""
    rules = ["--:" if name.endswith(" ") else "---" for name in names]
    lines = [[name.strip() for name in names], rules, *rows]
    # Also within code a bar ends the cell, unless a backslash is before it.
    return [f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |" for row in lines]


def fold(title: str, lines: Iterable[str]) -> list[str]:
    """Lines behind a title that opens them; the title has to be ours."""
    return ["<details>", f"<summary>{title}</summary>", "", *lines, "", "</details>"]


def cases_table(cases: pl.DataFrame) -> list[str]:
    """The lines of a table of `verdicts`, folded: those that did not always pass first."""
    rows = sorted(cases.iter_rows(named=True), key=lambda row: row["n_passed"] == row["n_trials"])
    good = sum(row["n_passed"] == row["n_trials"] for row in rows)
    shown = [
        [
            "✅" if row["n_passed"] == row["n_trials"] else "❌" if row["n_failed"] else "❔",
            code(row["case_id"]),
            code(row["variant"]),
            f"{row['n_passed']} of {row['n_trials']}",
            percent(row["n_passed"] / row["n_trials"]),
            str(row["n_unknown"]),
        ]
        for row in rows[:_MOST_CASES]
    ]
    lines = table(("", "case", "variant", "passed ", "rate ", "no verdict "), shown)
    if left := len(rows) - len(shown):
        lines += ["", f"And {left} more."]
    return fold(f"Cases and variants: {good} of {len(rows)} passed every trial", lines)
