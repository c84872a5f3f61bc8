"""What the four APIs have in common: a request understood, an answer to be written down."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from .dialects import ToolCall
from .script import Usage


@dataclass(frozen=True)
class Ask:
    """One model request, as far as the server must understand it."""

    model: str
    stream: bool
    tools: Mapping[str, dict[str, Any]]
    """Name of each offered tool → the JSON schema of its input."""
    first_user: str
    """The first user message's text, by which a sub-agent's conversation is known."""
    text: str
    """System prompt and messages in one string, where the working directory is looked for."""
    forced: str | None = None
    """The tool that the request says must be called."""
    schema: dict[str, Any] | None = None
    """The JSON schema that the answer must fit, where one is asked for."""
    results: tuple[tuple[str, str, bool | None], ...] = ()
    """What the agent said of earlier calls: call id, text, is it an error (None: the API has no
    such field)."""


@dataclass(frozen=True)
class Reply:
    """One answer of the model, ready to be written in an API's words."""

    id: str
    model: str
    text: str
    thinking: str
    calls: tuple[tuple[str, ToolCall], ...]
    """Call id and call."""
    usage: Usage


class Api(Protocol):
    """One API: understand a request, write an answer whole or in pieces, write an error."""

    name: str

    def ask(self, path: str, body: dict[str, Any]) -> Ask: ...
    def whole(self, reply: Reply) -> dict[str, Any]: ...
    def pieces(self, reply: Reply) -> Iterator[bytes]: ...
    def error(self, status: int, message: str) -> dict[str, Any]: ...
    def usage(self, usage: Usage) -> dict[str, Any]: ...
    def begun(self, usage: Usage) -> Usage | None: ...


def flat(value: Any) -> str:
    """All text in a nested JSON value, in order; what a `type` says is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        value = [part for key, part in value.items() if key != "type"]
    if isinstance(value, list):
        return "\n".join(filter(None, map(flat, value)))
    return ""


def minimal(schema: dict[str, Any] | None) -> Any:
    """The smallest value that fits a JSON schema, so that a side request's answer is accepted."""
    if not isinstance(schema, dict):
        return {}
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type", "object")
    kind = kind[0] if isinstance(kind, list) else kind
    if str(kind).lower() == "object":
        wanted = schema.get("required", list(schema.get("properties", {})))
        return {name: minimal(schema.get("properties", {}).get(name)) for name in wanted}
    return {
        "string": "Scripted title",
        "integer": 1,
        "number": 1,
        "boolean": False,
        "array": [],
    }.get(str(kind).lower())
