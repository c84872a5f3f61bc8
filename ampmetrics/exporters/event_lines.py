"""Event files again, cleaned: every event whole, also of kinds and with fields nobody knows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ampmetrics.exporters.names import Names
from ampmetrics.exporters.strict import strict
from ampmetrics.exporters.written import Written, number
from ampmetrics.tables.whole import whole_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["jsonl", "jsonl_a_session"]


class _Counts:
    def __init__(self) -> None:
        self.events = 0
        self.unreadable = 0

    def written(self, files: str = "") -> Written:
        left_out = [f"{number(self.unreadable, 'line')} that cannot be read as an event"]
        return Written(number(self.events, "event") + files, tuple(left_out[: self.unreadable]))


_Event = tuple[str, str | None, bytes]
"""File, session, line."""


def jsonl(con: DuckDBPyConnection, target: Path) -> Written:
    """One event file of all events, in the order of files and lines; lines that are none left out.

    A line is as it was, but in strict JSON: no comma too many, null for NaN and Infinity.
    """
    counts = _Counts()
    with target.open("xb") as file:
        for events in _events(con, counts):
            file.writelines(line for _, _, line in events)
    return counts.written()


def jsonl_a_session(con: DuckDBPyConnection, folder: Path) -> Written:
    """A folder with one such file a session of an event file, named after the session.

    Events of no session are in `no-session.jsonl`. A session that stands in two event files, as
    one that was copied does, has two: together they would be another session.
    """
    folder.mkdir()
    names, counts = Names(".jsonl"), _Counts()
    found: set[str] = set()
    for events in _events(con, counts):
        of_file: dict[str, list[bytes]] = defaultdict(list)
        for file, session, line in events:
            of_file[names.of((file, session), session or "no-session")].append(line)
        for name, lines in of_file.items():
            # Not kept open: there may be more sessions than a process may have files.
            with (folder / name).open("ab") as opened:
                opened.writelines(lines)
        found.update(of_file)
    return counts.written(f" in {number(len(found), 'file')}")


def _events(con: DuckDBPyConnection, counts: _Counts) -> Iterator[list[_Event]]:
    for lines in whole_lines(con):
        events = []
        for file, session, text in lines:
            line = None if text is None else strict(text)
            if line is None:
                counts.unreadable += 1
            else:
                events.append((file, session, line + b"\n"))
        counts.events += len(events)
        yield events
