"""Codex: `codex exec --json`, and its stream as records.

The stream has no model, no cost and no times; tokens come as one sum when a turn ends. In a
continued thread newer versions count that sum from the thread's beginning: this reader takes it as
it is, so it is right for new threads only. A call that fails before it runs has no item.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ampmetrics.agents.adapter import Arrival, Request
from ampmetrics.agents.calls import Calls
from ampmetrics.agents.reading import count, event, mapping, text, whole
from ampmetrics.agents.usage import llm_usage, load_prices

__all__ = ["Codex", "CodexStream"]

_NO_TOOLS = {"agent_message", "reasoning", "error", "plan", "todo_list"}
_ABOUT_THE_CALL = {"id", "type", "status", "aggregated_output", "exit_code", "result", "error"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Codex:
    """The Codex CLI."""

    name: str = "codex"
    is_sample: bool = False
    program: tuple[str, ...] = ("codex",)

    def command(self, request: Request) -> list[str]:
        """`-` takes the prompt from standard input."""
        command = [*self.program, "exec"]
        if request.agent_session_id:
            command.append("resume")
        command += ["--json", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
        if request.model:
            command += ["--model", request.model]
        if request.agent_session_id:
            command.append(request.agent_session_id)
        return [*command, "-"]

    def stream(self) -> CodexStream:
        """A reader for one run."""
        return CodexStream()


class CodexStream:
    """Reads `codex exec --json`."""

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
            case "thread.started":
                self.agent_session_id = text(value.get("thread_id"))
            case "item.started":
                self._started(mapping(value.get("item"), "item"), at)
            case "item.completed":
                return self._completed(mapping(value.get("item"), "item"), at)
            case "turn.completed":
                self.finished, self.error = True, None
                return [Arrival(_usage(mapping(value.get("usage"), "usage"), at), at)]
            case "turn.failed":
                self.finished = True
                failure = value.get("error")
                self.error = str(failure.get("message") if isinstance(failure, dict) else failure)
        return []

    def close(self, at: datetime) -> list[Arrival]:
        """Calls without a result."""
        return self._calls.close(at)

    def _started(self, item: dict[str, Any], at: datetime) -> None:
        if item.get("type") not in _NO_TOOLS:
            args = {key: value for key, value in item.items() if key not in _ABOUT_THE_CALL}
            self._calls.begin(item.get("id"), item.get("type"), args, at)

    def _completed(self, item: dict[str, Any], at: datetime) -> list[Arrival]:
        exit_code = whole(item.get("exit_code"))
        failed = item.get("status") in ("failed", "declined") or exit_code not in (None, 0)
        said = f"exit code {exit_code}" if exit_code else str(item.get("error") or "failed")
        return self._calls.end(item.get("id"), at, failed=failed, said=said, exit_code=exit_code)


def _usage(usage: dict[str, Any], at: datetime) -> Any:
    given, read = count(usage.get("input_tokens")), count(usage.get("cached_input_tokens"))
    written = count(usage.get("cache_write_input_tokens"))
    cached = (read or 0) + (written or 0)
    return llm_usage(
        at,
        scope="run",
        model=None,
        uncached=None if given is None or given < cached else given - cached,
        cache_read=read,
        cache_write=written,
        completion=count(usage.get("output_tokens")),
        reasoning=count(usage.get("reasoning_output_tokens")),
        input_includes_cache=True,
    )
