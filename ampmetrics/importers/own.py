"""Events that our own exports carry whole within another format, as they were."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from ampmetrics.agents.reading import decode, text
from ampmetrics.events import KINDS, Event
from ampmetrics.importers.contract import Reading
from ampmetrics.importers.documents import members
from ampmetrics.importers.turns import as_text
from ampmetrics.importers.values import time_of

__all__ = ["Own", "own_events", "own_part"]

_ENVELOPE = [
    (field.name, field.encode_name)
    for field in msgspec.structs.fields(Event)
    if field.name not in ("type", "timestamp", "data")
]


class Own(NamedTuple):
    """One of our events, as it stands in another file."""

    place: int
    """among those of its session"""
    file: Path
    line: int
    event: bytes


def own_part(parts: dict[str, bytes]) -> dict[str, bytes]:
    """What ampmetrics added to a part of a document; nothing where it added nothing."""
    try:
        return members(parts["ampmetrics"])
    except (KeyError, ValueError):
        return {}


def own_events(found: Iterable[Own], reading: Reading) -> Iterator[Event]:
    """The events in their order; one that has no time is told as unreadable."""
    for own in sorted(found):
        try:
            yield _event(own)
        except ValueError as error:
            reading.cannot_read(own.file, own.line, str(error))


def _event(own: Own) -> Event:
    """A value of another type than its field stays what it was."""
    parts = members(own.event)
    kind = text(decode(parts.get("type", b"null")))
    at = time_of(decode(parts.get("timestamp", b"null")))
    if kind is None or at is None:
        raise ValueError("an event of ampmetrics without a kind or a time")
    envelope = {name: decode(parts[key]) for name, key in _ENVELOPE if key in parts}
    if any(isinstance(value, list | dict) for value in envelope.values()):
        raise ValueError("an event of ampmetrics with an id that is none")
    if envelope.get("source_file") is None:
        envelope |= {"source_file": as_text(own.file), "source_line": own.line}
    return Event(type=kind, timestamp=at, data=_data(kind, parts.get("data")), **envelope)


def _data(kind: str, data: bytes | None) -> Any:
    """The record, or where that does not hold all of it, the bytes that it was."""
    if data is None:
        return msgspec.UNSET
    try:
        record = msgspec.json.decode(data, type=KINDS[kind])
    except (KeyError, msgspec.MsgspecError):
        return msgspec.Raw(data)
    return record if msgspec.json.encode(record) == data else msgspec.Raw(data)
