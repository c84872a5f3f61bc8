"""Sessions one after the other, each with all that was done in it: what traces are made of."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from ampmetrics.events import KINDS, Event, IterationEnd, Record, RunEnd, TrialEnd
from ampmetrics.exporters.names import Names
from ampmetrics.exporters.strict import is_deep, strict
from ampmetrics.exporters.written import number
from ampmetrics.tables.whole import session_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["Conversation", "Lost", "Row", "Values", "conversations", "dumped", "last", "told"]

_DEEPEST = 400
_LARGEST = 2**63
_BEGUN_AND_ENDED = ("runs", "trials", "iterations")
_ENDS = (IterationEnd, TrialEnd, RunEnd)
_SEEN = ("started_at", "timestamp", "ended_at")

Values = dict[str, Any]
"""Columns and their values, without those that are not known; times are ISO 8601, UTC."""


class Row(NamedTuple):
    """One event, and where it is shown."""

    table: str | None
    """null: its kind is not known"""
    values: Values
    """of a start and of an end each its own"""
    event: str
    """the whole of it, as it was written"""
    place: int
    """among the events of its session, from 0"""


@dataclass(frozen=True, slots=True)
class Conversation:
    """One session of a file, its rows in the order of time."""

    name: str
    """of its file, without an ending: unique in an export"""
    file: str
    session_id: str | None
    """null: events that are of none"""
    rows: list[Row]

    def of(self, table: str) -> list[Values]:
        """Rows of one table."""
        return [row.values for row in self.rows if row.table == table]


class Lost(Counter[str]):
    """What is left out, counted by the words for it."""

    def sentences(self) -> tuple[str, ...]:
        """One a reason."""
        return tuple(f"{number(count, 'event')} {reason}" for reason, count in self.items())


def conversations(con: DuckDBPyConnection, lost: Lost) -> Iterator[Conversation]:
    """Every session of every file; events that cannot be told, or only too deep, are lost."""
    names = Names("")
    for (file, session), lines in groupby(session_lines(con), lambda line: line[:2]):
        found = (_row(place, line.text or "", lost) for place, line in enumerate(lines))
        rows = sorted(filter(None, found), key=_when)
        if rows:
            name = names.of((file, session), session or "no-session")
            yield Conversation(name, file, session, rows)


def _when(row: Row) -> tuple[str, int]:
    """What has a start stands where it started."""
    return next((row.values[name] for name in _SEEN if name in row.values), ""), row.place


def _row(place: int, text: str, lost: Lost) -> Row | None:
    line = strict(text)
    if line is None:
        lost["that cannot be written as JSON"] += 1
        return None
    if is_deep(text, _DEEPEST):
        lost["nested too deep"] += 1
        return None
    event = json.loads(line, parse_float=_finite)
    kind = KINDS.get(event["type"])
    values = {**_known(Event, event), **(_known(kind, event.get("data")) if kind else {})}
    if kind and kind.table in _BEGUN_AND_ENDED and "timestamp" in values:
        values["ended_at" if kind in _ENDS else "started_at"] = values.pop("timestamp")
    return Row(kind.table if kind else None, values, line.decode(), place)


@cache
def _columns(struct: type[Event] | type[Record]) -> list[tuple[str, str, Any]]:
    """Of each column its key in the line, its name and its type."""
    shown = [each for each in msgspec.structs.fields(struct) if each.name not in ("type", "data")]
    return [(each.encode_name, each.name, each.type) for each in shown]


def _known(struct: type[Event] | type[Record], found: object) -> Values:
    """Values that are of their columns' types."""
    values: Values = {}
    told_: Values = found if isinstance(found, dict) else {}
    for key, name, type_ in _columns(struct):
        value = told_.get(key)
        try:
            value = value if value is None else msgspec.convert(value, type_)
        except msgspec.ValidationError:
            continue
        if isinstance(value, datetime):
            value = _text_of(value)
        if value is not None and not (isinstance(value, int) and abs(value) >= _LARGEST):
            values[name] = value
    return values


def _text_of(time: datetime) -> str | None:
    """Always of the same length, so that the order of texts is that of the times."""
    try:
        time = time.astimezone(UTC) if time.tzinfo else time
    except OverflowError:
        return None
    return time.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _finite(text: str) -> float | str:
    value = float(text)
    return value if math.isfinite(value) else text


def told(values: Values, *names: str) -> Values:
    """These columns, as far as they are known."""
    return {name: values[name] for name in names if name in values}


def last(rows: list[Values], name: str) -> Any:
    """The value of a column in the last row that has one; null where none has."""
    return next((row[name] for row in reversed(rows) if name in row), None)


def dumped(value: Any) -> str:
    """As JSON, on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
