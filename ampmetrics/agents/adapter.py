"""The contract of an agent: how it is started, and how a line of its stream becomes records."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from ampmetrics.events import Record

__all__ = ["Adapter", "Arrival", "Request", "Stream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One prompt for an agent."""

    prompt: str
    model: str | None = None
    """model or mode that is asked for; null: the agent's own choice"""
    agent_session_id: str | None = None
    """the agent's own conversation to go on with; null: a new one"""


@dataclass(frozen=True, slots=True)
class Arrival:
    """Records that a line completed, each with the time at which it happened."""

    record: Record
    at: datetime


class Stream(Protocol):
    """Reads one run of the agent, line by line."""

    agent_session_id: str | None
    """the agent's own id of the conversation, once it said it"""
    error: str | None
    """why the agent says it failed; null: it says it succeeded, or nothing yet"""
    finished: bool
    """the agent said that it was done"""

    def read(self, line: bytes, at: datetime) -> list[Arrival]:
        """Records that this line completes; raises ValueError on a line not of the format."""
        ...

    def close(self, at: datetime) -> list[Arrival]:
        """What was left open when the stream ended: tool calls without a result."""
        ...


class Adapter(Protocol):
    """One agent CLI."""

    @property
    def name(self) -> str:
        """As `--agent` takes it."""
        ...

    @property
    def is_sample(self) -> bool:
        """It replays recordings and asks no model."""
        ...

    @property
    def program(self) -> tuple[str, ...]:
        """Program and first arguments."""
        ...

    def command(self, request: Request) -> list[str]:
        """Command line; the prompt goes to its standard input."""
        ...

    def stream(self) -> Stream:
        """A reader for one run."""
        ...
