"""OpenAI Chat Completions: POST …/chat/completions, whole or as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .script import Usage, compact, words
from .wire import Ask, Reply, flat

name = "chat"
CREATED = 1_790_000_000


def ask(path: str, body: dict[str, Any]) -> Ask:
    messages = body.get("messages", [])
    choice = body.get("tool_choice")
    functions = [
        tool["function"] for tool in body.get("tools") or [] if tool.get("type") == "function"
    ]
    return Ask(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        tools={function["name"]: function.get("parameters", {}) for function in functions},
        first_user=next(
            (flat(message.get("content")) for message in messages if message["role"] == "user"), ""
        ),
        text=flat([message.get("content") for message in messages]),
        forced=choice["function"]["name"]
        if isinstance(choice, dict) and "function" in choice
        else None,
        schema=((body.get("response_format") or {}).get("json_schema") or {}).get("schema"),
        results=tuple(
            (message["tool_call_id"], flat(message.get("content")), None)
            for message in messages
            if message["role"] == "tool"
        ),
    )


def usage(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.output,
        "total_tokens": usage.prompt + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    }


def begun(usage: Usage) -> Usage | None:
    """Nothing is told before the last chunk."""
    return None


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {
            "index": index,
            "id": id_,
            "type": "function",
            "function": {"name": call.name, "arguments": compact(call.args)},
        }
        for index, (id_, call) in enumerate(reply.calls)
    ]


def _stop(reply: Reply) -> str:
    return "tool_calls" if reply.calls else "stop"


def whole(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.thinking:
        message["reasoning_content"] = reply.thinking
    if reply.calls:
        message["tool_calls"] = [
            {key: value for key, value in call.items() if key != "index"} for call in _calls(reply)
        ]
    return {
        "id": reply.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": _stop(reply)}],
        "usage": usage(reply.usage),
    }


def pieces(reply: Reply) -> Iterator[bytes]:
    """The usage comes in a last chunk without choices, as with stream_options.include_usage."""
    yield _chunk(reply, {"role": "assistant", "content": ""})
    for part in words(reply.thinking):
        yield _chunk(reply, {"reasoning_content": part})
    for part in words(reply.text):
        yield _chunk(reply, {"content": part})
    for call in _calls(reply):
        first, *rest = words(call["function"]["arguments"])
        yield _chunk(
            reply, {"tool_calls": [{**call, "function": {**call["function"], "arguments": first}}]}
        )
        for part in rest:
            yield _chunk(
                reply, {"tool_calls": [{"index": call["index"], "function": {"arguments": part}}]}
            )
    yield _chunk(reply, {}, finish=_stop(reply))
    yield _chunk(reply, None)
    yield b"data: [DONE]\n\n"


def _chunk(reply: Reply, delta: dict[str, Any] | None, finish: str | None = None) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    head = {
        "id": reply.id,
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": reply.model,
        "choices": choices,
    }
    told = {"usage": usage(reply.usage)} if delta is None else {}
    return f"data: {compact({**head, **told})}\n\n".encode()


def error(status: int, message: str) -> dict[str, Any]:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}
