"""What a scripted model says: steps of text, thinking and tool calls, each with the tokens it
claims to have cost.

A script names its tools in neutral words (read, edit, create, shell, task, tool);
`dialects` puts them into an agent's own.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

Op = Literal["read", "edit", "create", "shell", "task", "tool"]


@dataclass(frozen=True)
class Usage:
    """The tokens of one request, or a sum of several."""

    input: int = 0
    """Prompt tokens outside the cache."""
    cache_read: int = 0
    cache_write: int = 0
    """Sent by the Anthropic API alone; the others have no such field (Usage for them has 0
    here)."""
    output: int = 0
    """Reasoning included, as every API bills it."""
    reasoning: int = 0
    """Not told by the Anthropic API."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            *(getattr(self, field.name) + getattr(other, field.name) for field in fields(self))
        )

    @property
    def prompt(self) -> int:
        """The whole prompt, as OpenAI and Gemini count it."""
        return self.input + self.cache_read + self.cache_write


@dataclass(frozen=True)
class Call:
    """One tool call in neutral words; `tool` passes `args` under `args['name']` as they are."""

    op: Op
    args: Mapping[str, Any]


def read(path: str) -> Call:
    return Call("read", {"path": path})


def edit(path: str, old: str, new: str) -> Call:
    """Replace the one place in `path` where `old` stands; whole lines, so that it can be a patch
    too."""
    return Call("edit", {"path": path, "old": old, "new": new})


def create(path: str, content: str) -> Call:
    return Call("create", {"path": path, "content": content})


def shell(command: str) -> Call:
    return Call("shell", {"command": command})


def task(prompt: str, description: str = "A part of the work") -> Call:
    """Start a sub-agent; its requests are those whose first user message holds `prompt` (see
    `Server.session(subs=...)`)."""
    return Call("task", {"prompt": prompt, "description": description})


def tool(name: str, **args: Any) -> Call:
    """A tool by the agent's own name and arguments."""
    return Call("tool", {"name": name, "args": args})


@dataclass(frozen=True)
class Step:
    """One answer of the model: what it says and does, or how it fails."""

    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    usage: Usage = Usage(input=100, output=10)
    status: int = 200
    """Another than 200: an HTTP error instead of an answer."""
    error: str = "scripted error"
    times: int | None = None
    """How often an error is given before the next step comes; None: for ever."""
    cut: bool = False
    """Break the connection in the middle of the streamed answer."""
    hang: bool = False
    """Begin the answer (the headers, and the first event of a stream) and never end it."""
    delay: float = 0.0
    """Seconds before the answer."""


def failure(status: int, error: str = "scripted error", *, times: int | None = None) -> Step:
    return Step(status=status, error=error, times=times, usage=Usage())


# The usage of the six requests of the basic script: chosen so that no two are alike.
ANTHROPIC_USAGE = (
    Usage(1201, 0, 5003, 101),
    Usage(211, 5003, 307, 157),
    Usage(223, 5310, 401, 59),
    Usage(227, 5711, 0, 61),
    Usage(229, 5711, 83, 53),
    Usage(233, 5794, 0, 89),
)
OPENAI_USAGE = (
    Usage(6211, 0, 0, 165, 64),
    Usage(523, 5888, 0, 285, 128),
    Usage(541, 6144, 0, 59, 0),
    Usage(547, 6272, 0, 61, 0),
    Usage(557, 6400, 0, 85, 32),
    Usage(563, 6528, 0, 89, 0),
)

PROMPT = "Fix the add function in calc.py and run the tests."
FILES = {
    "calc.py": (
        '"""A tiny calculator."""\n\n\n'
        "def add(a, b):\n    return a - b\n\n\n"
        "def mul(a, b):\n    return a * b\n"
    ),
    "test_calc.py": (
        "import calc\n\n"
        "assert calc.add(2, 3) == 5\n"
        "assert calc.mul(2, 3) == 6\n"
        "print('2 passed, 0 failed')\n"
    ),
}
NOTES = "# Notes\n\nadd() was subtracting; fixed.\n"
EDITED = {"calc.py": (1, 1), "NOTES.md": (3, 0)}
"""What git says of the basic script: path → lines added, lines deleted."""


def basic(usages: tuple[Usage, ...] = ANTHROPIC_USAGE, *, bad_patch: bool = False) -> list[Step]:
    """Read; edit and create in one answer; a test that passes; a command that exits 2; a tool
    that fails; an end.

    `bad_patch`: the failing tool edits a missing file instead of reading it (Codex has no reading
    tool that could fail).
    """
    missing = edit("does_not_exist.py", "old", "new") if bad_patch else read("does_not_exist.py")
    return [
        Step("I'll look at the file first.", calls=(read("calc.py"),), usage=usages[0]),
        Step(
            "Found it: add subtracts.",
            "add subtracts. I will fix it and leave a note.",
            (edit("calc.py", "    return a - b", "    return a + b"), create("NOTES.md", NOTES)),
            usages[1],
        ),
        Step(calls=(shell("python3 test_calc.py"),), usage=usages[2]),
        Step(calls=(shell("python3 no_such_script.py"),), usage=usages[3]),
        Step(calls=(missing,), usage=usages[4]),
        Step("Done: add() now adds, the tests pass, and I left NOTES.md.", usage=usages[5]),
    ]


def words(text: str, parts: int = 2) -> list[str]:
    """`text` in up to `parts` pieces, as a stream would bring it."""
    size = max(1, -(-len(text) // parts))
    return [text[at : at + size] for at in range(0, len(text), size)]


def compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)
