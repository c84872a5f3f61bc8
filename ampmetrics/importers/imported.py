"""What came of an import: counts of one session, or of all of a source."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import msgspec

from ampmetrics.events import Event, LlmUsage
from ampmetrics.importers.contract import SHOWN, Reading, Unreadable

__all__ = ["Imported"]


@dataclass(slots=True, kw_only=True)
class Imported:
    """What came of the files of one source."""

    source: str = ""
    files: int = 0
    sessions: Counter[str] = field(default_factory=Counter)
    """new, changed, same, older (what is there goes on further, and stays), in_use (`iterate` adds
    to it right now, so it stays), empty (nothing in it that is an event), not_wanted"""
    events: int = 0
    """of the sessions that are wanted"""
    new_events: int = 0
    """of them, those that did not stand there"""
    requests: int = 0
    total_tokens: int = 0
    """of the requests whose tokens are known"""
    cost_usd: float = 0.0
    """of the requests that have a price"""
    unpriced: int = 0
    """requests without a price"""
    lines: int = 0
    unreadable_lines: int = 0
    unreadable: list[Unreadable] = field(default_factory=list)
    """the first of them"""
    left_out: Counter[str] = field(default_factory=Counter)

    def count(self, event: Event) -> None:
        """One event more."""
        self.events += 1
        if event.type == "llm_usage":
            self._count_usage(event.data)

    def _count_usage(self, data: object) -> None:
        try:
            # Our own exports carry events as the bytes that they are.
            used = msgspec.json.decode(data, type=LlmUsage) if type(data) is msgspec.Raw else data
        except msgspec.MsgspecError:
            used = LlmUsage()
        self.requests += 1
        self.total_tokens += getattr(used, "total_tokens", None) or 0
        cost = getattr(used, "cost_usd", None)
        self.cost_usd += cost or 0
        self.unpriced += cost is None

    def add(self, other: Imported) -> None:
        """What another reader came to, or of another session."""
        for name in ("events", "new_events", "requests", "total_tokens", "cost_usd", "unpriced",
                     "lines", "unreadable_lines"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.sessions.update(other.sessions)
        self.left_out.update(other.left_out)
        self.unreadable = [*self.unreadable, *other.unreadable][:SHOWN]

    def in_use(self) -> Imported:
        """Itself, where `iterate` adds to the session right now: nothing was written."""
        self.sessions, self.new_events = Counter(in_use=1), 0
        return self

    def told(self, reading: Reading) -> Imported:
        """Itself, with what was told to a reading."""
        self.lines, self.left_out = reading.lines_read, reading.left_out
        self.unreadable_lines, self.unreadable = reading.unreadable_lines, reading.unreadable
        return self
