"""Lines as every reader of JSON takes them."""

from __future__ import annotations

import json
import re

import msgspec

__all__ = ["is_deep", "strict"]

_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
_NO_JSON = re.compile(r'("(?:[^"\\]|\\.)*")|,(?=\s*[}\]])|-?(?:nan|inf(?:inity)?)\b', re.IGNORECASE)
"""What DuckDB reads and JSON has not, and texts, in which all of that may stand."""


def strict(text: str) -> bytes | None:
    """The line as strict JSON: no comma too many, null for NaN; null where it cannot be made."""
    line = text.encode()
    if not _is_json(line):
        line = _NO_JSON.sub(_mended, text).encode()
        return line if _is_json(line) else None
    # No reader ends a line at these, but in JSON they may stand between two values.
    return line.replace(b"\r", b" ")


def _mended(found: re.Match[str]) -> str:
    return found[1] or ("" if found[0] == "," else "null")


def _is_json(line: bytes) -> bool:
    try:
        msgspec.json.decode(line)
    except RecursionError:
        # As deep as this nobody looks; what has read it so far has.
        return True
    except (msgspec.MsgspecError, ValueError):
        return _is_large_json(line)
    return True


def _is_large_json(line: bytes) -> bool:
    """Numbers may be larger than any that a reader holds."""
    try:
        json.loads(line, parse_constant=_no_number)
    except RecursionError:
        return True
    except ValueError:
        return False
    return True


def _no_number(text: str) -> None:
    raise ValueError(text)


def is_deep(text: str, deepest: int) -> bool:
    """True where more lists and objects than this are within each other: readers are recursive."""
    if text.count("[") + text.count("{") <= deepest:
        return False
    depth = most = 0
    for sign in _BRACKETS.findall(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(sign, 0)
        most = max(most, depth)
    return most > deepest
