"""OpenAI Responses: POST …/responses, whole or as server-sent events."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .chat import CREATED
from .chat import begun as begun
from .chat import error as error
from .script import Usage, compact, words
from .wire import Ask, Reply, flat

name = "responses"
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def ask(path: str, body: dict[str, Any]) -> Ask:
    items = body.get("input", [])
    if isinstance(items, str):
        items = [{"type": "message", "role": "user", "content": items}]
    users = [flat(item.get("content")) for item in items if item.get("role") == "user"]
    choice = body.get("tool_choice")
    return Ask(
        model=body.get("model", ""),
        stream=bool(body.get("stream")),
        tools={
            tool["name"]: tool.get("parameters") or {}
            for tool in body.get("tools") or []
            if "name" in tool
        },
        first_user="\n".join(users),
        text=body.get("instructions", "") + "\n" + flat([item.get("content") for item in items]),
        forced=choice.get("name") if isinstance(choice, dict) else None,
        schema=((body.get("text") or {}).get("format") or {}).get("schema"),
        results=tuple(
            (item["call_id"], flat(item.get("output")), None)
            for item in items
            if item.get("type") in _OUTPUTS
        ),
    )


def usage(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.prompt,
        "input_tokens_details": {"cached_tokens": usage.cache_read},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.prompt + usage.output,
    }


def _items(reply: Reply) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    if reply.thinking:
        summary = [{"type": "summary_text", "text": reply.thinking}]
        items.append(
            {
                "type": "reasoning",
                "id": f"rs_{reply.id}",
                "summary": summary,
                "encrypted_content": "U2NyaXB0ZWQ=",
            }
        )
    if reply.text:
        content = [{"type": "output_text", "text": reply.text, "annotations": []}]
        items.append(
            {
                "type": "message",
                "id": f"msg_{reply.id}",
                "status": "completed",
                "role": "assistant",
                "content": content,
            }
        )
    for id_, call in reply.calls:
        head = {"id": f"item_{id_}", "call_id": id_, "name": call.name, "status": "completed"}
        if call.text is None:
            items.append({"type": "function_call", **head, "arguments": compact(call.args)})
        else:
            items.append({"type": "custom_tool_call", **head, "input": call.text})
    return items


def whole(reply: Reply) -> dict[str, Any]:
    return {
        "id": reply.id,
        "object": "response",
        "created_at": CREATED,
        "status": "completed",
        "model": reply.model,
        "output": _items(reply),
        "usage": usage(reply.usage),
    }


def pieces(reply: Reply) -> Iterator[bytes]:
    """The usage comes with response.completed alone."""
    begun = {**whole(reply), "status": "in_progress", "output": [], "usage": None}
    yield _event("response.created", response=begun)
    yield _event("response.in_progress", response=begun)
    for index, item in enumerate(_items(reply)):
        yield from _item_events(index, item)
    yield _event("response.completed", response=whole(reply))


def _item_events(index: int, item: dict[str, Any]) -> Iterator[bytes]:
    where = {"item_id": item["id"], "output_index": index}
    part = {**where, "content_index": 0}
    kind = item["type"]
    field = {
        "reasoning": "summary",
        "message": "content",
        "function_call": "arguments",
        "custom_tool_call": "input",
    }[kind]
    full = item[field] if isinstance(item[field], str) else item[field][0]["text"]
    open_ = {
        **item,
        field: item[field].__class__(),
        **({} if kind == "reasoning" else {"status": "in_progress"}),
    }
    yield _event("response.output_item.added", output_index=index, item=open_)
    if kind == "message":
        yield _event("response.content_part.added", **part, part={**item["content"][0], "text": ""})
    elif kind == "reasoning":
        part = {**where, "summary_index": 0}
        yield _event(
            "response.reasoning_summary_part.added",
            **part,
            part={"type": "summary_text", "text": ""},
        )
    stem = {
        "reasoning": "response.reasoning_summary_text",
        "message": "response.output_text",
        "function_call": "response.function_call_arguments",
        "custom_tool_call": "response.custom_tool_call_input",
    }[kind]
    place = part if kind in ("message", "reasoning") else where
    for piece in words(full):
        yield _event(f"{stem}.delta", **place, delta=piece)
    last = field if kind in ("function_call", "custom_tool_call") else "text"
    yield _event(f"{stem}.done", **place, **{last: full})
    if kind == "message":
        yield _event("response.content_part.done", **part, part=item["content"][0])
    elif kind == "reasoning":
        yield _event("response.reasoning_summary_part.done", **part, part=item["summary"][0])
    yield _event("response.output_item.done", output_index=index, item=item)


def _event(kind: str, **data: Any) -> bytes:
    return f"event: {kind}\ndata: {compact({'type': kind, **data})}\n\n".encode()
