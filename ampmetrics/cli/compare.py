"""`ampmetrics compare`: two results, or two variants of one, case by case."""

from __future__ import annotations

import json
import re
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ampmetrics.cli import compare_words as words
from ampmetrics.cli.cache import cache_option
from ampmetrics.cli.output import result
from ampmetrics.cli.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ampmetrics.aggregates.sides import Side

__all__ = ["command"]

_NOTHING = 3


@click.command(name="compare")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path), required=False)
@click.option("--a", "variant_a", metavar="VARIANT", help="This variant of A.")
@click.option("--b", "variant_b", metavar="VARIANT", help="This variant of B; without B, of A.")
@click.option(
    "--changed-cases",
    is_flag=True,
    help="Compare cases too whose definition is not the same on both sides.",
)
@click.option(
    "-f",
    "--format",
    "form",
    type=click.Choice(["table", "md", "json"]),
    default="table",
    show_default=True,
    help="How to print it.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
@cache_option
def command(
    a: Path, b: Path | None, variant_a: str | None, variant_b: str | None, changed_cases: bool,
    form: str, as_json: bool, cache: Path | None,
) -> int:  # fmt: skip
    """Compare the results B with the results A, or two variants of A: --a high --b low.

    Paired by case, over the trials that judge the agent. Every difference is B - A. Exit 0 also
    where they differ, 3 where no case has a verdict on both sides.
    """
    from ampmetrics.aggregates import comparable, compare, conclusion, paired_cases
    from ampmetrics.aggregates.sides import chosen_sides
    from ampmetrics.cli.compare_md import compare_md
    from ampmetrics.cli.markdown import code
    from ampmetrics.tables import connect

    form = "json" if as_json else form
    with closing(connect([a, b] if b else a, cache=cache)) as con:
        results, chosen = [a, b] if b else [a], (variant_a, variant_b)
        sides = chosen_sides(con, results, chosen, names=("--a", "--b"))
        compared, things, cases = (
            ask(con, *sides, changed_cases=changed_cases)
            for ask in (compare, comparable, paired_cases)
        )
    names = _name(sides[0], alone=b is None), _name(sides[1], alone=b is None)
    said = conclusion(compared, things, a=names[0], b=names[1], shown=code if form == "md" else str)
    found = words.Found(names, compared.to_dicts(), things.to_dicts(), cases.to_dicts())
    with result(as_utf8=form != "table") as out:
        if form == "table":
            _print(found, said)
        else:
            out.write(compare_md(found, said) if form == "md" else _json(found, said))
    return _NOTHING if found.is_nothing else 0


def _name(side: Side, *, alone: bool) -> str:
    """Of one folder, where it is one, not its name."""
    parts = side if isinstance(side, tuple) else (side,)
    return " ".join(str(part) for part in parts[alone:])


def _print(found: words.Found, sentences: Sequence[str]) -> None:
    from ampmetrics.cli.printing import print_table

    for side, name in zip("AB", found.names, strict=True):
        click.echo(f"{side}: {printable(name)}")
    same = [row["what"] for row in found.things if row["differs"] is False]
    differ = [row for row in found.things if row["differs"] is not False]
    for title, heads, rows, cells in (
        ("What they were run with", words.CHECKED, differ, words.checked),
        ("Metrics", words.METRICS, found.metrics, words.metrics),
        ("Cases whose verdict differs", words.FLIPPED, found.flipped, words.flipped),
        ("Cases that are left out", words.LEFT_OUT, found.left_out, words.left_out),
    ):
        if rows:
            numbers = [name.endswith(" ") for name in heads]
            names = [name.strip() for name in heads]
            print_table(names, [cells(row) for row in rows], title=title, numbers=numbers)
        if rows is differ and same:
            click.echo(f"The same on both sides: {', '.join(same)}\n")
    for row in found.metrics:
        click.echo(words.rests_on(row))
    click.echo()
    for each in sentences:
        click.echo(printable(each))


def _json(found: words.Found, sentences: Sequence[str]) -> str:
    document = {
        "a": found.names[0],
        "b": found.names[1],
        "conclusion": list(sentences),
        "comparable": [_keys(row) for row in found.things],
        "metrics": [_keys(row) for row in found.metrics],
        "flipped": [row["case_id"] for row in found.flipped],
        "cases": [_keys(row) for row in found.cases],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _keys(row: words.Row) -> dict[str, Any]:
    """As in the event files."""
    return {re.sub("_(.)", lambda found: found[1].upper(), name): row[name] for name in row}
