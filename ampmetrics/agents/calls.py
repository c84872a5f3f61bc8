"""Tool calls under way, paired with their results by the agent's own id of the call."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import Any, NamedTuple

from ampmetrics.agents.reading import shallow, text
from ampmetrics.events import Record, ToolCall

__all__ = ["Arrival", "Calls"]

_MESSAGE_LIMIT = 500


class Arrival(NamedTuple):
    """A record that a line completed, and the time at which it happened."""

    record: Record
    at: datetime


class _Call(NamedTuple):
    name: str | None
    args: Any
    parent: str | None
    started_at: datetime


class Calls:
    """Calls without a result yet, and calls whose own model requests no line has shown."""

    def __init__(self, delegates: Collection[str] = ()) -> None:
        self._open: dict[str, _Call] = {}
        self._delegates = delegates
        self._unseen: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self._open)

    def begun(self) -> dict[str, datetime]:
        """Calls under way, and when each arrived."""
        return {key: call.started_at for key, call in self._open.items()}

    def begin(
        self, key: object, name: object, args: Any, at: datetime, parent: str | None = None
    ) -> None:
        """A call arrived; raises ValueError where it has no id or cannot be written again."""
        if not isinstance(key, str):
            raise ValueError("a tool call has no id")
        self._open[key] = _Call(text(name), shallow(args), parent, at)
        self.delegated(key, name)
        self.show(parent)

    def delegated(self, key: object, name: object) -> None:
        """This call was made; of a tool that asks models itself, out of sight until shown."""
        if isinstance(key, str) and isinstance(name, str) and name.lower() in self._delegates:
            self._unseen[key] = None

    def show(self, parent: str | None) -> None:
        """A line showed what this call's sub-agent does."""
        if parent is not None:
            self._unseen.pop(parent, None)

    def unseen(self) -> list[str]:
        """Calls whose own model requests were never shown; each is told once."""
        keys = list(self._unseen)
        self._unseen.clear()
        return keys

    def end(
        self,
        key: object,
        at: datetime,
        *,
        failed: bool | None,
        said: str = "",
        exit_code: int | None = None,
    ) -> list[Arrival]:
        """Its result arrived; nothing where no such call is open.

        `failed` is null where the result does not tell.
        """
        call = self._open.pop(key, None) if isinstance(key, str) else None
        if call is None:
            return []
        record = ToolCall(
            tool_call_id=text(key),
            parent_tool_call_id=call.parent,
            tool_name=call.name,
            args=call.args,
            started_at=call.started_at,
            ended_at=at,
            duration_ms=(at - call.started_at).total_seconds() * 1000,
            success=None if failed is None else not failed,
            exit_code=exit_code,
            error_message=said[:_MESSAGE_LIMIT] if failed else None,
        )
        return [Arrival(record, at)]

    def name(self, key: object) -> str | None:
        """Tool of a call under way."""
        call = self._open.get(key) if isinstance(key, str) else None
        return call.name if call else None

    def close(self, at: datetime) -> list[Arrival]:
        """Calls without a result: whether they succeeded, and how long they took, is not known."""
        left = [
            Arrival(
                ToolCall(
                    tool_call_id=key,
                    parent_tool_call_id=call.parent,
                    tool_name=call.name,
                    args=call.args,
                    started_at=call.started_at,
                ),
                at,
            )
            for key, call in self._open.items()
        ]
        self._open.clear()
        return left
