"""Event files → frames held in memory, and read again where a file has changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

import polars as pl

from ampmetrics import aggregates
from ampmetrics.aggregates.frame import scan
from ampmetrics.aggregates.net import SESSION
from ampmetrics.errors import BadInputError
from ampmetrics.jsonl import names_of_event_files
from ampmetrics.tables import connect, connected_paths, describe, rows
from ampmetrics.tables.files import name_as_text
from ampmetrics.tables.held import held
from ampmetrics.tables.wide import beginning

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["LONG", "News", "Store"]

_READ = ("runs", "trials", "sessions", "iterations", "user_messages", "tool_calls", "llm_usage",
         "file_edits", "net_changes", "test_results", "unreadable_lines")  # fmt: skip
_OF_NO_SESSION = ("runs", "unreadable_lines")
LONG = {"args": 3_900, "error_message": 3_900, "message": 3_900, "diff": 16_000,
        "text": 100}  # fmt: skip
"""Columns of long texts, and how many characters of each are held.

A diff is shown in part, which says so; of the others all that is held is shown.
"""

_Key = tuple[int, int, int]


class News(NamedTuple):
    """What has changed in the files."""

    frames: Mapping[str, pl.DataFrame]
    """all rows of the files that came or changed"""
    files: Sequence[str]
    """those, and the ones that are gone, as the tables name them"""
    seen: dict[str, _Key]
    n_files: int


class Store:
    """The rows of some event files: one frame a view, and `units`.

    `units`: one row a trial or a session that is of no trial, with the columns of
    `aggregates.trials`; of a session `status` and those of `aggregates.sessions`; how it `ended`,
    and whether more calls may come (`calls_at_least`). Trials that were run again are left out, as
    in every aggregate.
    """

    def __init__(self, source: DuckDBPyConnection | str | Path | Iterable[str | Path]) -> None:
        """Also of a connection the files are found that come to its paths later.

        Raises BadInputError where a path leads to no event file.
        """
        self._paths: list[Path] = []
        if hasattr(source, "execute"):
            con = cast("DuckDBPyConnection", source)
            # As they were given: so the tables name their files.
            self._paths = list(map(Path, connected_paths(con)))
            self._open(con)
            return
        given = [source] if isinstance(source, str | Path) else list(cast("list[str]", source))
        addresses = [path for path in given if "://" in str(path)]
        self._paths = [Path(path).absolute() for path in given if path not in addresses]
        with closing(connect([*self._paths, *addresses])) as con:
            self._open(con)

    def _open(self, con: DuckDBPyConnection) -> None:
        files = [file for (file,) in rows(con, "event_files").fetchall()]
        found = {name_as_text(file) for file in self._found()}
        # Those of a connection and at addresses; more of them are not looked for.
        self._fixed = [file for file in files if file not in found]
        self._seen = _keys([*self._fixed, *self._found()])
        self.n_files = len(files)
        self.frames = _read(con)

    def _found(self) -> list[str]:
        try:
            return names_of_event_files(self._paths) if self._paths else []
        except BadInputError:
            # They are all gone; others may come.
            return []

    def news(self) -> News | None:
        """Read the files that came or changed since; null where none did and none is gone.

        Nothing here is changed by it, so that a thread may wait for it.
        """
        files = [*self._fixed, *self._found()]
        now = _keys(files)
        changed = [file for file, key in now.items() if self._seen.get(file) != key]
        gone = [file for file in self._seen if file not in now]
        if not changed and not gone:
            return None
        new = {name: frame.clear() for name, frame in self.frames.items()}
        if changed:
            with closing(connect(changed, cache=False)) as con:
                new = _read(con)
        return News(new, [name_as_text(file) for file in (*changed, *gone)], now, len(files))

    def take(self, news: News) -> None:
        """Hold what is new in place of what was held of these files."""
        for name, frame in self.frames.items():
            kept = frame.filter(~pl.col("file").is_in(news.files))
            self.frames[name] = pl.concat([kept, news.frames[name]])
        # So they stand where they stood.
        self.frames["units"] = _in_order(self.frames["units"])
        self._seen, self.n_files = news.seen, news.n_files


def _keys(files: Iterable[str]) -> dict[str, _Key]:
    """What tells whether a file has changed; files that are not here (an address) have none."""
    found = {}
    for file in files:
        try:
            stat = os.stat(file)  # noqa: PTH116 - of thousands of files, many times
        except OSError:
            continue
        found[file] = (stat.st_ino, stat.st_size, stat.st_mtime_ns)
    return found


def _read(con: DuckDBPyConnection) -> dict[str, pl.DataFrame]:
    """Every row of every view that is shown, what is long cut."""
    frames = {
        table.name: scan(
            con,
            table.name,
            [
                beginning(c.name, LONG[c.name] + 1) if c.name in LONG else c.name
                for c in table.columns
            ],
        )
        .with_columns(_held(c.name) for c in table.columns if c.name in LONG and c.name != "diff")
        .collect()
        for table in describe()
        if table.name in _READ
    }
    return {**frames, "units": _units(frames)}


def _held(column: str) -> pl.Expr:
    """What is held of a long text; what is left out is said."""
    text, length = pl.col(column), LONG[column]
    cut = text.str.head(length) + f"\n… (more than {length:,} characters)"
    return pl.when(text.str.len_chars() > length).then(cut).otherwise(text).alias(column)


def _units(frames: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    with closing(held(frames)) as con:
        trials, sessions = aggregates.trials(con), aggregates.sessions(con)
    started = frames["trials"].select(*SESSION, "started_at").unique(SESSION, keep="first")
    trials = trials.join(started, on=SESSION, how="left", nulls_equal=True)
    # What a file holds without a start of its session or trial is shown too.
    told = [name for name in _READ if name not in (*_OF_NO_SESSION, "trials")]
    named = [frames[name].select(SESSION) for name in told]
    others = pl.concat(named).unique()
    alone = sessions.join(trials, on=SESSION, how="anti", nulls_equal=True)
    others = others.join(trials, on=SESSION, how="anti", nulls_equal=True)
    others = others.join(sessions, on=SESSION, how="anti", nulls_equal=True)
    whole = pl.concat(
        [
            trials.with_columns(is_trial=pl.lit(True)),
            alone.with_columns(is_trial=pl.lit(False)),
            others.with_columns(is_trial=pl.lit(False)),
        ],
        how="diagonal",
    )
    going = frames["iterations"].filter(pl.col("ended_at").is_null()).select(SESSION).unique()
    going = going.with_columns(is_going=pl.lit(True))
    whole = whole.join(going, on=SESSION, how="left", nulls_equal=True)
    over = pl.col("ended_at").is_not_null() & pl.col("is_going").is_null()
    untold = pl.when(over).then(pl.lit("not told")).otherwise(pl.lit("unfinished"))
    whole = whole.with_columns(
        ended=pl.coalesce("outcome", "status", untold),
        calls_at_least=pl.col("outcome").is_null() & ~over,
    )
    return _in_order(whole.drop("is_going"))


def _in_order(units: pl.DataFrame) -> pl.DataFrame:
    """Trials by their names, then sessions by their start."""
    by = ["run_id", "case_id", "variant", "trial", "started_at", "file", "session_id"]
    return units.sort("is_trial", *by, descending=[True, *[False] * len(by)], nulls_last=True)
