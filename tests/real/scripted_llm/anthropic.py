"""Anthropic Messages: POST …/v1/messages, whole or as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from .script import Usage, compact, words
from .wire import Ask, Reply, flat

name = "anthropic"
EMPTY: dict[str, dict[str, Any]] = {
    "thinking": {"thinking": "", "signature": ""},
    "text": {"text": ""},
    "tool_use": {"input": {}},
}
"""What a block begins with in a stream."""


def ask(path: str, body: dict[str, Any]) -> Ask:
    messages = body.get("messages", [])
    choice = body.get("tool_choice") or {}
    return Ask(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        tools={
            tool["name"]: tool.get("input_schema", {})
            for tool in body.get("tools") or []
            if "name" in tool
        },
        first_user=next(
            (flat(message["content"]) for message in messages if message["role"] == "user"), ""
        ),
        text=flat(body.get("system", ""))
        + "\n"
        + flat([message["content"] for message in messages]),
        forced=choice.get("name") if choice.get("type") == "tool" else None,
        schema=(
            (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
        ).get("schema"),
        results=tuple(
            (block["tool_use_id"], flat(block.get("content", "")), bool(block.get("is_error")))
            for message in messages
            if isinstance(message["content"], list)
            for block in message["content"]
            if block.get("type") == "tool_result"
        ),
    )


def usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input,
        "cache_creation_input_tokens": usage.cache_write,
        "cache_read_input_tokens": usage.cache_read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": usage.cache_write,
            "ephemeral_1h_input_tokens": 0,
        },
        "output_tokens": usage.output,
        "service_tier": "standard",
    }


def begun(usage: Usage) -> Usage | None:
    """message_start tells the prompt, and 4 output tokens as the real one tells a few."""
    return replace(usage, output=4, reasoning=0)


def _blocks(reply: Reply) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if reply.thinking:
        blocks.append({"type": "thinking", "thinking": reply.thinking, "signature": "U2NyaXB0ZWQ="})
    if reply.text:
        blocks.append({"type": "text", "text": reply.text})
    blocks += [
        {"type": "tool_use", "id": id_, "name": call.name, "input": call.args}
        for id_, call in reply.calls
    ]
    return blocks


def _stop(reply: Reply) -> str:
    return "tool_use" if reply.calls else "end_turn"


def whole(reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.id,
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": _blocks(reply),
        "stop_reason": _stop(reply),
        "stop_sequence": None,
        "usage": usage(reply.usage),
    }


def pieces(reply: Reply) -> Iterator[bytes]:
    """message_delta tells the true number of output tokens."""
    first = usage(replace(reply.usage, output=4))
    start = {**whole(reply), "content": [], "stop_reason": None, "usage": first}
    yield _event("message_start", message=start)
    for index, block in enumerate(_blocks(reply)):
        yield from _block_events(index, block)
    final = {key: value for key, value in usage(reply.usage).items() if key.endswith("_tokens")}
    yield _event(
        "message_delta", delta={"stop_reason": _stop(reply), "stop_sequence": None}, usage=final
    )
    yield _event("message_stop")


def _block_events(index: int, block: dict[str, Any]) -> Iterator[bytes]:
    kind = block["type"]
    yield _event("content_block_start", index=index, content_block={**block, **EMPTY[kind]})
    deltas: list[dict[str, Any]]
    if kind == "tool_use":
        deltas = [
            {"type": "input_json_delta", "partial_json": part}
            for part in words(compact(block["input"]))
        ]
    else:
        deltas = [{"type": f"{kind}_delta", kind: part} for part in words(block[kind])]
    if kind == "thinking":
        deltas.append({"type": "signature_delta", "signature": block["signature"]})
    for delta in deltas:
        yield _event("content_block_delta", index=index, delta=delta)
    yield _event("content_block_stop", index=index)


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {compact({'type': kind, **data})}\n\n".encode()


def error(status: int, message: str) -> dict[str, Any]:
    kind = {
        400: "invalid_request_error",
        401: "authentication_error",
        404: "not_found_error",
        429: "rate_limit_error",
    }
    return {
        "type": "error",
        "error": {
            "type": kind.get(status, "overloaded_error" if status == 529 else "api_error"),
            "message": message,
        },
    }
