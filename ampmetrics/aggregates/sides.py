"""What a comparison is between: two sets of trials, chosen by variant, run or folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import polars as pl

from ampmetrics.aggregates.frame import TRIAL, frame
from ampmetrics.errors import BadInputError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Side", "chosen_sides", "side_name", "two_sides", "variants"]

Side: TypeAlias = str | Path | tuple[str | Path, ...]
"""A variant's name, a run's id (with it the runs that it goes on with and that go on with it), or
a folder or event file; in a tuple: the trials for which all of these hold. A Path is always a
folder or file, a text is one where no variant and no run is called so."""

_READ = (*TRIAL, "started_at", "agent", "agent_version", "model", "repo", "base_commit",
         "timeout_sec", "suite", "case_hash", "variant_hash", "success")  # fmt: skip
_SAME = (*TRIAL[:-1], "unnamed")


def side_name(side: Side) -> str:
    """The side in words."""
    return ", ".join(map(str, side)) if isinstance(side, tuple) else str(side)


def two_sides(con: DuckDBPyConnection, a: Side, b: Side) -> pl.DataFrame:
    """One row a trial of either side; one that was read more than once has one row.

    Columns: side (a or b), those of TRIAL, what the trial was begun with, success (null: no
    verdict) and n_read (how often it was read). Raises BadInputError where a side has no trial and
    where a trial is on both.
    """
    # What has no name of its own is no copy of another.
    named = pl.col("run_id").is_not_null() & pl.col("trial").is_not_null()
    trials = frame(con, "trials", _READ).with_row_index("row")
    trials = trials.with_columns(pl.when(~named).then("row").alias("unnamed"))
    each = [_chosen(con, trials, side) for side in (a, b)]
    if n := each[0].join(each[1], on=_SAME, how="semi", nulls_equal=True).height:
        raise BadInputError(
            f"{n} trial{'s' * (n != 1)} of {side_name(a)!r} are in {side_name(b)!r} too: compare "
            "two variants, runs or folders that share none"
        )
    both = pl.concat(
        [
            one.select(pl.lit(side).alias("side"), pl.all())
            for side, one in zip("ab", each, strict=True)
        ]
    )
    copies = ["side", *_SAME]
    return (
        both.with_columns(pl.len().over(copies).cast(pl.Int64).alias("n_read"))
        .unique(copies, keep="first", maintain_order=True)
        .drop("row", "unnamed")
    )


def variants(con: DuckDBPyConnection, side: Side) -> list[str]:
    """The names of its variants; raises BadInputError where it has no trial."""
    trials = frame(con, "trials", ["run_id", "variant", "file"])
    return _chosen(con, trials, side)["variant"].drop_nulls().unique().sort().to_list()


def chosen_sides(
    con: DuckDBPyConnection,
    results: Sequence[Path],
    chosen: tuple[str | None, str | None],
    *,
    names: tuple[str, str],
) -> tuple[Side, Side]:
    """The two sides that are meant by one result or two, and a variant (or run) of each.

    `chosen`: of A and of B, none where a result has but one variant; of one result both have to be
    named. `names`: by what they are chosen, for the errors. Raises BadInputError where it is not
    clear what is meant.
    """
    first, last = results[0], results[-1]
    if len(results) == 1 and not all(chosen):
        raise BadInputError(
            f"{first} has these variants: {', '.join(variants(con, first))}: name two with "
            f"{' and '.join(names)}, or give other results to compare it with"
        )
    a, b = (
        _side(con, path, what, name)
        for path, what, name in zip((first, last), chosen, names, strict=True)
    )
    return a, b


def _side(con: DuckDBPyConnection, path: Path, what: str | None, name: str) -> Side:
    there = variants(con, path)
    if not what:
        if len(there) > 1:
            raise BadInputError(
                f"{path} has several variants: name one with {name}: {', '.join(there)}"
            )
        return path
    if what not in there and what not in frame(con, "runs", ["run_id"])["run_id"]:
        raise BadInputError(f"{path} has no variant {what!r}: choose from {', '.join(there)}")
    return path, what


def _chosen(con: DuckDBPyConnection, trials: pl.DataFrame, side: Side) -> pl.DataFrame:
    found = trials
    for what in side if isinstance(side, tuple) else (side,):
        found = found.filter(_holds(con, trials, what))
    if found.is_empty():
        raise BadInputError(f"{side_name(side)!r} has no trial: {_choices(trials)}")
    return found


def _holds(con: DuckDBPyConnection, trials: pl.DataFrame, what: str | Path) -> pl.Expr:
    """Whether a trial is of this variant, run or place."""
    if not isinstance(what, Path):
        if what in trials["variant"]:
            return pl.col("variant") == what
        if what in trials["run_id"]:
            return pl.col("run_id").is_in(_same_run(con, what))
    within = [file for file in trials["file"].unique() if file and _lies_in(file, what)]
    return pl.col("file").is_in(within)


def _same_run(con: DuckDBPyConnection, run: str) -> list[str]:
    """The run, those that it goes on with, and those that go on with one of these."""
    links = frame(con, "runs", ["run_id", "resumes"]).drop_nulls().rows()
    found, size = {run}, 0
    while len(found) > size:
        size = len(found)
        found |= {one for link in links if found.intersection(link) for one in link}
    return sorted(found)


def _lies_in(file: str, place: str | Path) -> bool:
    """Where links may lead to the file, or to the place."""
    # The connection spells a name that is no text as this does.
    name = os.fsencode(place).decode(errors="backslashreplace")
    for path in (os.path.abspath, os.path.realpath):
        whole, part = path(name), path(file)
        if part == whole or part.startswith(whole.rstrip(os.sep) + os.sep):
            return True
    return False


def _choices(trials: pl.DataFrame) -> str:
    variants = trials["variant"].drop_nulls().unique().sort().to_list()
    if not variants:
        return "there are no trials in what was read"
    return (
        f"name one of the variants ({', '.join(variants)}), a run's id, or a folder or file that "
        "was read"
    )
