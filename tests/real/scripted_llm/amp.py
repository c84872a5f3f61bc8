"""What the Amp CLI asks its own server: a user and the threads it uploads, answered with the least
that satisfies it."""

from __future__ import annotations

from typing import Any

Threads = dict[str, dict[str, Any]]
"""Thread id → the thread as the CLI last uploaded it; `amp threads continue` asks for it again."""

USER: dict[str, Any] = {
    "id": "user_scripted",
    "email": "scripted@localhost",
    "username": "scripted",
    "firstName": "Scripted",
    "team": None,
    "features": [],
}


def answer(threads: Threads, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and JSON for any request of the CLI that is not a model request."""
    if not path.startswith("/api/internal"):
        return 404, {"error": "not scripted"}
    method = body.get("method") or path.partition("?")[2]
    return 200, _internal(threads, method, body.get("params") or {})


def _internal(threads: Threads, method: str, params: dict[str, Any]) -> dict[str, Any]:
    if method == "getUserInfo":
        return {"ok": True, "result": USER}
    if method == "uploadThread":
        threads[params["thread"]["id"]] = params["thread"]
    elif method == "getThread":
        if params["thread"] not in threads:
            return {
                "ok": False,
                "error": {"code": "thread-not-found", "message": "Thread not found"},
            }
        return {"ok": True, "result": {"thread": {"data": threads[params["thread"]]}}}
    elif method == "setThreadMeta":
        # After a yes the CLI reloads the thread from here, older than its own: the turn's last
        # messages are lost and it waits for ever when the model answers within milliseconds.
        # A no it takes in silence.
        return {"ok": False, "error": {"code": "not-scripted", "message": "no metadata here"}}
    elif method == "listThreads":
        return {"ok": True, "result": {"threads": list(threads.values())}}
    return {"ok": True, "result": {}}
