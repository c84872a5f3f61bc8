"""A scripted LLM on 127.0.0.1 for driving real agent CLIs: every token, tool call and failure is
known beforehand.

with Server() as server:
    session = server.session("claude", basic())
    ...run the CLI with session.url as its base URL and session.key as its API key...
    truth = session.truth()
"""

from .script import Call, Step, Usage, basic, create, edit, failure, read, shell, task, tool
from .server import Server
from .session import Session

__all__ = [
    "Call",
    "Server",
    "Session",
    "Step",
    "Usage",
    "basic",
    "create",
    "edit",
    "failure",
    "read",
    "shell",
    "task",
    "tool",
]
