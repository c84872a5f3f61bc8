"""Event files of a few lines, as the tests of the explorer need them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ampmetrics.events import Event, IterationEnd, IterationStart, Record, ToolCall, kind_of
from ampmetrics.jsonl import EventFile

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def write(file: Path, *records: Record, session: str | None = "s", trial: int | None = None,
          case: str | None = None, run: str | None = None, at: datetime = NOW,
          variant: str = "v", iteration: str = "i") -> Path:  # fmt: skip
    """Append these records to a file, a second apart."""
    with EventFile(file) as events:
        for i, record in enumerate(records):
            events.append(
                Event(type=kind_of(record), timestamp=at + timedelta(seconds=i), session_id=session,
                      iteration_id=iteration, run_id=run, case_id=case, trial=trial,
                      variant=variant if case else None, data=record)
            )  # fmt: skip
    return file


def call(tool: str, *, after: int = 1, **fields: Any) -> ToolCall:
    began = NOW + timedelta(seconds=after)
    ended = began + timedelta(milliseconds=200 + after)
    return ToolCall(tool_name=tool, started_at=began, ended_at=ended, duration_ms=200.0 + after,
                    **{"success": True, **fields})  # fmt: skip


def session(file: Path, name: str, *records: Record) -> Path:
    start = IterationStart(iteration_number=1, agent="amp", model="m")
    end = IterationEnd(iteration_number=1, status="success", duration_ms=9000.0, edits_tracked=True)
    return write(file, start, *records, end, session=name)
