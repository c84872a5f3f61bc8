"""A line of Claude Code's session file: only what is needed of it, and as what it is taken."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from ampmetrics.agents.reading import decode, text

__all__ = ["Block", "Edited", "Line", "Message", "Usage", "beside", "parent_of", "read_line"]


class Usage(Struct):
    """Tokens of a message, the cache beside the input."""

    input_tokens: Any = None
    cache_read_input_tokens: Any = None
    cache_creation_input_tokens: Any = None
    output_tokens: Any = None
    cache_creation: Any = None
    speed: Any = None


class Block(Struct):
    """A block of a message's content."""

    type: str | None = None
    text: str | None = None
    id: Any = None
    name: Any = None
    input: Raw = Raw(b"null")
    tool_use_id: Any = None
    is_error: bool | None = None
    content: Raw = Raw(b"null")


class Message(Struct):
    """What the user, the agent or a tool said."""

    id: str | None = None
    model: str | None = None
    content: str | list[Block] | None = None
    stop_reason: str | None = None
    usage: Usage | None = None

    @property
    def blocks(self) -> list[Block]:
        """Blocks of the content; none where it is text."""
        return self.content if isinstance(self.content, list) else []


class Line(Struct, rename="camel"):
    """A line; those that are no messages have only a type."""

    type: str
    uuid: str | None = None
    parent_uuid: str | None = None
    timestamp: datetime | None = None
    is_sidechain: bool | None = None
    is_meta: bool | None = None
    is_compact_summary: bool | None = None
    is_api_error_message: bool | None = None
    agent_id: str | None = None
    request_id: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    version: str | None = None
    cost_usd: Any = msgspec.field(name="costUSD", default=None)
    message: Message | None = None
    tool_use_result: Raw = Raw(b"null")


class Hunk(Struct, rename="camel"):
    """A piece of a diff."""

    old_start: int
    old_lines: int
    new_start: int
    new_lines: int
    lines: list[str]


class Edited(Struct, rename="camel"):
    """What an edit tool says of its edit."""

    type: str | None = None
    file_path: str | None = None
    content: str | None = None
    structured_patch: list[Hunk] | None = None


class _Kind(Struct):
    type: str


_KIND = msgspec.json.Decoder(_Kind)
_LINE = msgspec.json.Decoder(Line)
_MESSAGES = ("user", "assistant")


def read_line(line: bytes) -> Line | None:
    """The message of a line, null where it is of another kind; raises ValueError on no line."""
    try:
        return _LINE.decode(line)
    except (msgspec.MsgspecError, RecursionError) as error:
        # Another kind may have other things under the same names, and a text may be cut anywhere.
        value = decode(line)
        if not isinstance(value, dict) or not isinstance(value.get("type"), str):
            raise ValueError("not an object with a type") from error
        if value["type"] not in _MESSAGES:
            return None
        return _LINE.decode(msgspec.json.encode(value))


def beside(path: Path) -> Path:
    """The file that says how a sub-agent was begun."""
    return path.with_suffix(".meta.json")


def parent_of(path: Path) -> str | None:
    """The call that began a sub-agent, as the file beside its own tells."""
    try:
        value = decode(beside(path).read_bytes())
    except (OSError, ValueError):
        return None
    return text(value.get("toolUseId")) if isinstance(value, dict) else None
