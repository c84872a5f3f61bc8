"""The same questions again and again: with the cache, beside reading the file each time.

    python benchmarks/side_by_side/again.py ROUNDS FILE MORE FOLDER

Each round, in FOLDER: FILE is copied and read once without a cache, and all that a cache would hold
of it once more; then through a new cache, which builds it. Then every question is asked without the
cache and twice with it, of which the second is measured: the first also looks whether the parts are
whole. Last MORE comes to its end, and one question is asked. Prints, as JSON, the seconds of each,
and whether all answered the same.
"""

from __future__ import annotations

import json
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
from questions import QUESTIONS, same

import ampmetrics as am

__all__ = ["again"]

FIRST = QUESTIONS["tool_calls"].view
HELD = [
    f"SELECT max(hash(one)) FROM {name} AS one"
    for name in QUESTIONS
    if name not in ("events", "sessions")
]
"""All rows of the kinds, with all their columns."""


def again(rounds: int, file: Path, more: Path, folder: Path) -> dict[str, Any]:
    """Seconds by what was done, and by view (`direct`, `warm`)."""
    found: dict[str, Any] = {"read": [], "read all": [], "build": [], "append": [], "same": True}
    found["views"] = {name: {"direct": [], "warm": []} for name in QUESTIONS}
    for number in range(rounds):
        print(f"  round {number + 1}", file=sys.stderr, flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        grows = Path(shutil.copy(file, folder / "grows.jsonl"))
        with (
            closing(am.connect(grows, cache=False)) as direct,
            closing(am.connect(grows, cache=folder / "cache")) as cached,
        ):
            _round(found, direct, cached, grows, more)
    shutil.rmtree(folder)
    return found


def _round(
    found: dict[str, Any],
    direct: duckdb.DuckDBPyConnection,
    cached: duckdb.DuckDBPyConnection,
    grows: Path,
    more: Path,
) -> None:
    """One turn of everything; what is found is added."""
    read, right = _timed(direct, FIRST)
    every = sum(_timed(direct, sql)[0] for sql in HELD)
    built, answer = _timed(cached, FIRST)
    found["same"] &= same(right, answer)
    for name, question in QUESTIONS.items():
        for way, con in (("direct", direct), ("", cached), ("warm", cached)):
            took, answer = _timed(con, question.view)
            right = answer if way == "direct" else right
            found["same"] &= same(right, answer)
            if way:
                found["views"][name][way].append(took)
    with grows.open("ab") as file:
        file.write(more.read_bytes())
    appended, answer = _timed(cached, FIRST)
    found["same"] &= same(_timed(direct, FIRST)[1], answer)
    for name, took in (("read", read), ("read all", every), ("build", built), ("append", appended)):
        found[name].append(took)


def _timed(con: duckdb.DuckDBPyConnection, sql: str) -> tuple[float, list[Any]]:
    began = time.perf_counter()
    answer = con.execute(sql).fetchall()
    return time.perf_counter() - began, answer


if __name__ == "__main__":
    rounds, *paths = sys.argv[1:]
    print(json.dumps(again(int(rounds), *map(Path, paths))))
