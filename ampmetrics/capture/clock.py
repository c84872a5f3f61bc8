"""The clock of a run: UTC times that never go back, also where the system's clock is set."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

__all__ = ["Clock", "milliseconds"]


class Clock:
    """UTC as it was when the clock was made, moved on by a monotonic clock."""

    def __init__(self) -> None:
        self._begin = datetime.now(UTC)
        self._zero = time.monotonic()

    def now(self) -> datetime:
        """UTC now."""
        return self._begin + timedelta(seconds=time.monotonic() - self._zero)


def milliseconds(begin: datetime, end: datetime) -> float:
    """Time between the two, ms."""
    return (end - begin).total_seconds() * 1000
