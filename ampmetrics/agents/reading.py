"""Values of an agent's JSON, taken as what they are or not at all: hostile until looked at."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

__all__ = [
    "blocks",
    "count",
    "decode",
    "event",
    "listed",
    "mapping",
    "moment",
    "number",
    "shallow",
    "text",
    "whole",
]

_DEEPEST = 100
_LARGEST = 2**53
_LATEST_MS = 1e14
# A pair of surrogates or any other escape, to be kept; or half a pair.
_ESCAPE = re.compile(
    rb"(\\u[dD][89abAB]..\\u[dD][c-fC-F]..|\\u(?![dD][89a-fA-F])|\\[^u])|\\u[dD][89a-fA-F].."
)


def event(line: bytes) -> dict[str, Any]:
    """A line that is an object with a type; raises ValueError on any other."""
    value = decode(line)
    if not isinstance(value, dict) or not isinstance(value.get("type"), str):
        raise ValueError("not an object with a type")
    return value


def decode(line: bytes) -> Any:
    """The JSON of a line; raises ValueError where it is none."""
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


def shallow(value: Any, levels: int = _DEEPEST) -> Any:
    """The value itself; raises ValueError where it is too deep to be written again."""
    if not levels:
        raise ValueError("nested too deeply")
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        shallow(each, levels - 1)
    return value


def mapping(value: object, name: str) -> dict[str, Any]:
    """The value itself; raises ValueError where it is no object."""
    if not isinstance(value, dict):
        raise ValueError(f"{name} is not an object")
    return value


def blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    """Blocks of a message's content; none where it is text. Raises ValueError on anything else."""
    content = message.get("content")
    if isinstance(content, str):
        return []
    if not isinstance(content, list):
        raise ValueError("content is not a list")
    return [block for block in content if isinstance(block, dict)]


def text(value: object) -> str | None:
    """A text, else null."""
    return value if isinstance(value, str) else None


def whole(value: object) -> int | None:
    """A whole number that fits a column, else null."""
    # True is an int, but not of this type.
    return value if type(value) is int and -_LARGEST < value < _LARGEST else None


def count(value: object) -> int | None:
    """A whole number from 0, else null."""
    return value if type(value) is int and 0 <= value < _LARGEST else None


def number(value: object) -> float | None:
    """A number, else null."""
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def moment(ms: object) -> datetime | None:
    """A time, from milliseconds since 1970, else null."""
    found = number(ms)
    return datetime.fromtimestamp(found / 1000, UTC) if found and 0 < found < _LATEST_MS else None


def listed(value: object) -> list[dict[str, Any]]:
    """The objects of a list; none where it is no list."""
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
