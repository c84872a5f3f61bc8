"""Reads the events of a file, one after the other."""

from __future__ import annotations

from collections.abc import Container, Iterator
from datetime import datetime
from pathlib import Path

import msgspec

from ampmetrics.events import KINDS, Event

__all__ = ["read_events"]


class _Line(msgspec.Struct, kw_only=True, rename="camel"):
    """An event whose record is not read yet."""

    type: str
    session_id: str | None = None
    iteration_id: str | None = None
    timestamp: datetime
    run_id: str | None = None
    case_id: str | None = None
    variant: str | None = None
    trial: int | None = None
    source_file: str | None = None
    source_line: int | None = None
    data: msgspec.Raw


_DECODER = msgspec.json.Decoder(_Line)


def read_events(path: Path, kinds: Container[str]) -> Iterator[Event | None]:
    """Events of these kinds in a file, in its order; null for each line that cannot be read.

    A blank line is none. Raises OSError where the file cannot be read.
    """
    with path.open("rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                read = _DECODER.decode(line)
                if read.type in kinds and read.type in KINDS:
                    record = msgspec.json.decode(read.data, type=KINDS[read.type])
                    yield Event(**{**msgspec.structs.asdict(read), "data": record})
            except (msgspec.MsgspecError, ValueError, RecursionError):
                yield None
