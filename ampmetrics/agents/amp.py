"""Amp: `amp --execute --stream-json`, and its stream as records.

A line of the stream has no time, so all times are those of the line's arrival; the stream names a
model only in newer versions. Requests for titles and of Amp's own helper tools are not visible.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import msgspec

from ampmetrics.agents.adapter import Arrival, Request
from ampmetrics.events import LlmUsage, ToolCall
from ampmetrics.pricing import price

__all__ = ["Amp", "AmpStream"]

_MESSAGE_LIMIT = 500
_DEEPEST = 100
_LARGEST = 2**53
# A pair of surrogates or any other escape, to be kept; or half a pair.
_ESCAPE = re.compile(
    rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?![dD][89a-fA-F])|\\[^u])|\\u[dD][89a-fA-F].."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Amp:
    """The Amp CLI, or a program that speaks its command line."""

    name: str = "amp"
    is_sample: bool = False
    program: tuple[str, ...] = ("amp",)

    def command(self, request: Request) -> list[str]:
        """Amp picks its models by mode, so the model that is asked for is handed on as `--mode`."""
        command = [*self.program]
        if request.agent_session_id:
            command += ["threads", "continue", request.agent_session_id]
        command += ["--execute", "--stream-json", "--dangerously-allow-all"]
        if request.model:
            command += ["--mode", request.model]
        return command

    def stream(self) -> AmpStream:
        """A reader for one run."""
        return AmpStream()


@dataclass(frozen=True, slots=True)
class _Call:
    name: str | None
    args: Any
    parent: str | None
    started_at: datetime


class AmpStream:
    """Reads Amp's stream-json: usage of every model message, tool calls paired by their id."""

    def __init__(self) -> None:
        _load_prices()
        self.agent_session_id: str | None = None
        self.error: str | None = None
        self.finished = False
        self._open: dict[str, _Call] = {}
        self._input_includes_cache: bool | None = None

    def read(self, line: bytes, at: datetime) -> list[Arrival]:
        """Records that this line completes; raises ValueError on a line not of the format."""
        value = _decode(line)
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise ValueError("not an object with a type")
        if isinstance(value.get("session_id"), str):
            self.agent_session_id = value["session_id"]
        match value["type"]:
            case "assistant":
                return self._assistant(value, at)
            case "user":
                return self._user(value, at)
            case "result":
                self._result(value)
        return []

    def close(self, at: datetime) -> list[Arrival]:
        """Calls without a result: whether they succeeded, and how long they took, is not known."""
        left = [Arrival(self._unanswered(key, call), at) for key, call in self._open.items()]
        self._open.clear()
        return left

    def _assistant(self, value: dict[str, Any], at: datetime) -> list[Arrival]:
        message = _object(value.get("message"), "message")
        parent = _text(value.get("parent_tool_use_id"))
        self._open |= {
            _id(block): _Call(_text(block.get("name")), _shallow(block.get("input")), parent, at)
            for block in _blocks(message)
            if block.get("type") == "tool_use"
        }
        if not isinstance(message.get("usage"), dict):
            return []
        return [Arrival(self._usage(message, parent, at), at)]

    def _user(self, value: dict[str, Any], at: datetime) -> list[Arrival]:
        done = []
        for block in _blocks(_object(value.get("message"), "message")):
            if block.get("type") == "tool_result":
                key = _text(block.get("tool_use_id"))
                call = self._open.pop(key, None) if key else None
                if key and call:
                    done.append(Arrival(_answered(key, call, block, at), at))
        return done

    def _result(self, value: dict[str, Any]) -> None:
        self.finished = True
        if value.get("is_error"):
            text = value.get("error") or value.get("result") or value.get("subtype") or "unknown"
            self.error = str(text)

    def _usage(self, message: dict[str, Any], parent: str | None, at: datetime) -> LlmUsage:
        usage: dict[str, Any] = message["usage"]
        given = _count(usage.get("input_tokens"))
        read = _count(usage.get("cache_read_input_tokens"))
        written = _count(usage.get("cache_creation_input_tokens"))
        output = _count(usage.get("output_tokens"))
        cached = (read or 0) + (written or 0)
        within = self._cache_is_within(given, cached)
        uncached = given - cached if given is not None and within else given
        prompt = None if uncached is None else uncached + cached
        model = _text(message.get("model"))
        cost = price(
            model,
            at,
            uncached_tokens=uncached,
            cache_read_tokens=read,
            cache_write_tokens=written,
            completion_tokens=output,
        )
        return LlmUsage(
            message_id=_text(message.get("id")),
            parent_tool_call_id=parent,
            model=model,
            prompt_tokens=prompt,
            completion_tokens=output,
            total_tokens=None if prompt is None or output is None else prompt + output,
            uncached_tokens=uncached,
            cache_read_tokens=read,
            cache_write_tokens=written,
            input_includes_cache=within,
            cost_usd=cost.cost_usd,
            cost_source=cost.source,
            price_version=cost.version,
        )

    def _cache_is_within(self, given: int | None, cached: int) -> bool | None:
        """How to read an input count; null where there is none.

        Amp of 2025 counted the cache within input_tokens, Amp of 2026 beside it. An input below its
        cache proves the second; one equal to it to the token gives the first away.
        """
        if given is None:
            return None
        if given < cached:
            self._input_includes_cache = False
        elif cached and given == cached and self._input_includes_cache is None:
            self._input_includes_cache = True
        return bool(self._input_includes_cache)

    def _unanswered(self, key: str, call: _Call) -> ToolCall:
        return ToolCall(
            tool_call_id=key,
            parent_tool_call_id=call.parent,
            tool_name=call.name,
            args=call.args,
            started_at=call.started_at,
        )


@cache
def _load_prices() -> None:
    # It takes a third of a second. With the first line it would hold up those that follow, and
    # they would get too late a time.
    price("any", datetime.max, uncached_tokens=0, cache_read_tokens=0, cache_write_tokens=0,
          completion_tokens=0)  # fmt: skip


def _answered(key: str, call: _Call, block: dict[str, Any], at: datetime) -> ToolCall:
    content = block.get("content")
    text = content if isinstance(content, str) else msgspec.json.encode(content).decode()
    exit_code = _exit_code(text) if call.name and call.name.lower() == "bash" else None
    failed = bool(block.get("is_error")) or exit_code not in (None, 0)
    message = text if block.get("is_error") else f"exit code {exit_code}"
    return ToolCall(
        tool_call_id=key,
        parent_tool_call_id=call.parent,
        tool_name=call.name,
        args=call.args,
        started_at=call.started_at,
        ended_at=at,
        duration_ms=(at - call.started_at).total_seconds() * 1000,
        success=not failed,
        exit_code=exit_code,
        error_message=message[:_MESSAGE_LIMIT] if failed else None,
    )


def _exit_code(text: str) -> int | None:
    """Amp reports a command that exits non-zero as no error, with `exitCode` in the result."""
    try:
        value = _decode(text.encode())
    except ValueError:
        return None
    return _whole(value.get("exitCode")) if isinstance(value, dict) else None


def _decode(line: bytes) -> Any:
    try:
        return msgspec.json.decode(line)
    except msgspec.MsgspecError:
        # Amp cuts long results anywhere, also within a character, of which half an escape is left.
        line = _ESCAPE.sub(lambda escape: escape[1] or rb"\ufffd", line)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    try:
        return msgspec.json.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not JSON: {error}") from error


def _shallow(value: Any, levels: int = _DEEPEST) -> Any:
    """The value itself; raises ValueError where it is too deep to be written again."""
    if not levels:
        raise ValueError("nested too deeply")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        _shallow(each, levels - 1)
    return value


def _id(block: dict[str, Any]) -> str:
    value = block.get("id")
    if not isinstance(value, str):
        raise ValueError("a tool_use has no id")
    return value


def _object(value: object, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return value


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content")
    if isinstance(content, str):
        return []
    if not isinstance(content, list):
        raise ValueError("content is not a list")
    return [block for block in content if isinstance(block, dict)]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: object) -> int | None:
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if abs(value) < _LARGEST else None


def _count(value: object) -> int | None:
    number = _whole(value)
    return number if number is not None and number >= 0 else None
