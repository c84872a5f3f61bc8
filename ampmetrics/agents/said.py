"""What an agent said in words, from the stream that is kept of it: for people, not for a number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ampmetrics.agents.reading import event

__all__ = ["said"]


def said(lines: Iterable[bytes]) -> Iterator[str]:
    """Each text in the stream of any of the agents, in its order; what came in chunks is one text.

    Neither what it thought nor what a sub-agent said. Lines of no known form say nothing: an agent
    that prints plain text (`command`, mini-swe-agent) has no texts here.
    """
    chunks: list[str] = []
    for line in lines:
        try:
            value = event(line)
        except ValueError:
            continue
        chunk = _chunk(value)
        if chunk is not None:
            chunks.append(chunk)
            continue
        yield from _filled(["".join(chunks), *_texts(value)])
        chunks = []
    yield from _filled(["".join(chunks)])


def _filled(texts: Iterable[str]) -> Iterator[str]:
    return (text for text in texts if text.strip())


def _chunk(value: dict[str, Any]) -> str | None:
    match value:
        case {"type": "message", "role": "assistant", "content": str(text)}:  # Gemini
            return text
    return None


def _texts(value: dict[str, Any]) -> list[str]:
    match value:
        case {"type": "assistant", "parent_tool_use_id": str()}:
            return []
        case {"type": "assistant", "message": {"content": [*blocks]}}:  # Amp, Claude Code
            return _of_blocks(blocks)
        case {"type": "message_end", "message": {"role": "assistant", "content": [*blocks]}}:  # pi
            return _of_blocks(blocks)
        case {"type": "item.completed", "item": {"type": "agent_message", "text": str(text)}}:
            return [text]  # Codex
        case {"type": "text", "part": {"text": str(text)}}:  # opencode
            return [text]
    return []


def _of_blocks(blocks: list[Any]) -> list[str]:
    found = []
    for block in blocks:
        match block:
            case {"type": "text", "text": str(text)}:
                found.append(text)
    return found
