"""Google Gemini: POST …/models/M:generateContent and :streamGenerateContent?alt=sse."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .script import Usage, compact, words
from .wire import Ask, Reply, flat

name = "gemini"


def ask(path: str, body: dict[str, Any]) -> Ask:
    """Results are known by their order: the ids that come back are the client's own (the 2.5 models
    send none)."""
    contents = body.get("contents", [])
    config = body.get("generationConfig") or {}
    declared = [
        one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])
    ]
    allowed = ((body.get("toolConfig") or {}).get("functionCallingConfig") or {}).get(
        "allowedFunctionNames"
    ) or [None]
    parts = [part for content in contents for part in content.get("parts", [])]
    answers = [part["functionResponse"] for part in parts if "functionResponse" in part]
    model = re.search(r"models/([^:/?]+)", path)
    return Ask(
        model=model[1] if model else "",
        stream=":streamGenerateContent" in path,
        tools={
            one["name"]: one.get("parametersJsonSchema") or one.get("parameters") or {}
            for one in declared
        },
        first_user=flat(
            [content.get("parts") for content in contents if content.get("role") == "user"][:2]
        ),
        text=flat(body.get("systemInstruction", ""))
        + "\n"
        + flat([part.get("text") for part in parts]),
        forced=allowed[0],
        schema=config.get("responseJsonSchema") or config.get("responseSchema"),
        results=tuple(
            (
                answer.get("id") or "",
                flat(answer.get("response")),
                "error" in (answer.get("response") or {}),
            )
            for answer in answers
        ),
    )


def usage(usage: Usage) -> dict[str, Any]:
    told: dict[str, Any] = {
        "promptTokenCount": usage.prompt,
        "candidatesTokenCount": usage.output - usage.reasoning,
        "totalTokenCount": usage.prompt + usage.output,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": usage.prompt}],
    }
    if usage.cache_read:
        told["cachedContentTokenCount"] = usage.cache_read
        told["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.cache_read}]
    if usage.reasoning:
        told["thoughtsTokenCount"] = usage.reasoning
    return told


def begun(usage: Usage) -> Usage | None:
    """Every chunk tells the whole prompt, the cache only the last."""
    return Usage(input=usage.prompt)


def _calls(reply: Reply) -> list[dict[str, Any]]:
    """No ids, as with the 2.5 models; the first call of an answer carries the thought signature."""
    parts: list[dict[str, Any]] = [
        {"functionCall": {"name": call.name, "args": call.args}} for _, call in reply.calls
    ]
    for part in parts[:1]:
        part["thoughtSignature"] = "U2NyaXB0ZWQ="
    return parts


def _message(reply: Reply, parts: list[dict[str, Any]], *, last: bool) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
    if last:
        candidate["finishReason"] = "STOP"
    said = (
        usage(reply.usage)
        if last
        else {"promptTokenCount": reply.usage.prompt, "totalTokenCount": reply.usage.prompt}
    )
    return {
        "candidates": [candidate],
        "usageMetadata": said,
        "modelVersion": reply.model,
        "responseId": reply.id,
    }


def whole(reply: Reply) -> dict[str, Any]:
    thought = [{"text": reply.thinking, "thought": True}] if reply.thinking else []
    text = [{"text": reply.text}] if reply.text else []
    return _message(reply, [*thought, *text, *_calls(reply)], last=True)


def pieces(reply: Reply) -> Iterator[bytes]:
    """Every chunk repeats a usage; the last one's is the true one."""
    said = [{"text": part, "thought": True} for part in words(reply.thinking)] + [
        {"text": part} for part in words(reply.text)
    ]
    chunks = [[part] for part in [*said, *_calls(reply)]] or [[{"text": ""}]]
    for index, parts in enumerate(chunks):
        message = _message(reply, parts, last=index == len(chunks) - 1)
        yield f"data: {compact(message)}\r\n\r\n".encode()


def error(status: int, message: str) -> dict[str, Any]:
    kind = {
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        429: "RESOURCE_EXHAUSTED",
        503: "UNAVAILABLE",
    }
    return {"error": {"code": status, "message": message, "status": kind.get(status, "INTERNAL")}}
