"""pi: `pi --mode json`, and its stream as records.

A message is told many times over; it counts once, when it ends. Reasoning is within the output and
not told apart; the cost is pi's own, 0 where its list has no price.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from ampmetrics.agents.adapter import Arrival, Request
from ampmetrics.agents.calls import Calls
from ampmetrics.agents.reading import count, event, mapping, number, text
from ampmetrics.agents.usage import llm_usage, load_prices

__all__ = ["Pi", "PiStream"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pi:
    """The pi CLI."""

    name: str = "pi"
    is_sample: bool = False
    program: tuple[str, ...] = ("pi",)

    def command(self, request: Request) -> list[str]:
        """The prompt comes from standard input."""
        command = [*self.program, "--mode", "json"]
        if request.model:
            command += ["--model", request.model]
        if request.agent_session_id:
            command += ["--session", request.agent_session_id]
        return command

    def stream(self) -> PiStream:
        """A reader for one run."""
        return PiStream()


class PiStream:
    """Reads pi's JSON events."""

    def __init__(self) -> None:
        load_prices()
        self.agent_session_id: str | None = None
        self.error: str | None = None
        self.finished = False
        self._calls = Calls()

    def read(self, line: bytes, at: datetime) -> list[Arrival]:
        """Records that this line completes; raises ValueError on a line not of the format."""
        value = event(line)
        match value["type"]:
            case "session":
                self.agent_session_id = text(value.get("id"))
            case "tool_execution_start":
                self._calls.begin(
                    value.get("toolCallId"), value.get("toolName"), value.get("args"), at
                )
            case "tool_execution_end":
                failed = bool(value.get("isError"))
                said = msgspec.json.encode(value.get("result")).decode() if failed else ""
                return self._calls.end(value.get("toolCallId"), at, failed=failed, said=said)
            case "message_end":
                return self._message(mapping(value.get("message"), "message"), at)
            case "agent_end":
                self.finished = True
        return []

    def close(self, at: datetime) -> list[Arrival]:
        """Calls without a result."""
        return self._calls.close(at)

    def _message(self, message: dict[str, Any], at: datetime) -> list[Arrival]:
        if message.get("role") != "assistant":
            return []
        # A request that failed is tried again: only the last message says how it ended.
        stopped = message.get("stopReason") in ("error", "aborted")
        self.error = str(message.get("errorMessage") or "unknown") if stopped else None
        usage = message.get("usage")
        if not isinstance(usage, dict) or (stopped and not usage.get("totalTokens")):
            return []
        cost = usage.get("cost")
        record = llm_usage(
            at,
            message_id=text(message.get("responseId")),
            model=text(message.get("model")),
            uncached=count(usage.get("input")),
            cache_read=count(usage.get("cacheRead")),
            cache_write=count(usage.get("cacheWrite")),
            completion=count(usage.get("output")),
            # 0 is what pi says where it has no price.
            reported_cost_usd=(number(cost.get("total")) or None)
            if isinstance(cost, dict)
            else None,
        )
        return [Arrival(record, at)]
