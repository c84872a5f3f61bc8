"""Neutral tool calls → the agent's own tool names and argument shapes, one table an agent."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .script import Call, Step

Shape = tuple[str, dict[str, str]]
"""Tool name; argument → the neutral word it is filled from, or `=literal`."""


@dataclass(frozen=True)
class ToolCall:
    """One tool call as the agent is told of it."""

    name: str
    args: dict[str, Any]
    text: str | None = None
    """The input of a free-form tool (Codex apply_patch); `args` is then empty."""
    ops: tuple[str, ...] = ()
    """The neutral words it stands for."""


TOOLS: dict[str, dict[str, Shape]] = {
    "claude": {
        "read": ("Read", {"file_path": "path"}),
        "edit": ("Edit", {"file_path": "path", "old_string": "old", "new_string": "new"}),
        "create": ("Write", {"file_path": "path", "content": "content"}),
        "shell": ("Bash", {"command": "command", "description": "=Run a command"}),
        "task": (
            "Agent",
            {"description": "description", "prompt": "prompt", "subagent_type": "=general-purpose"},
        ),
    },
    "amp": {
        "read": ("Read", {"path": "path"}),
        "edit": ("edit_file", {"path": "path", "old_str": "old", "new_str": "new"}),
        "create": ("create_file", {"path": "path", "content": "content"}),
        "shell": ("Bash", {"cmd": "command", "cwd": "cwd"}),
        "task": ("Task", {"prompt": "prompt", "description": "description"}),
    },
    "gemini": {
        "read": ("read_file", {"file_path": "path"}),
        "edit": (
            "replace",
            {
                "file_path": "path",
                "instruction": "=Make the change.",
                "old_string": "old",
                "new_string": "new",
            },
        ),
        "create": ("write_file", {"file_path": "path", "content": "content"}),
        "shell": ("run_shell_command", {"command": "command", "description": "=Run a command"}),
        "task": ("invoke_agent", {"agent_name": "=generalist", "prompt": "prompt"}),
    },
    "opencode": {
        "read": ("read", {"filePath": "path"}),
        "edit": ("edit", {"filePath": "path", "oldString": "old", "newString": "new"}),
        "create": ("write", {"filePath": "path", "content": "content"}),
        "shell": ("bash", {"command": "command", "description": "=Run a command"}),
        "task": (
            "task",
            {"description": "description", "prompt": "prompt", "subagent_type": "=general"},
        ),
    },
    "pi": {
        "read": ("read", {"path": "path"}),
        "edit": ("edit", {"path": "path", "oldText": "old", "newText": "new"}),
        "create": ("write", {"path": "path", "content": "content"}),
        "shell": ("bash", {"command": "command"}),
    },
    "codex": {
        "shell": ("exec_command", {"cmd": "command"}),
        "edit": ("apply_patch", {}),
        "create": ("apply_patch", {}),
    },
    "mini": {"shell": ("bash", {"command": "command"})},
}


def main_tools(agent: str) -> set[str]:
    """The names that tell a request of the conversation from a side request, which offers none of
    them."""
    return {name for name, _ in TOOLS[agent].values()}


def tool_calls(agent: str, step: Step, cwd: str) -> list[ToolCall]:
    """What the agent is told to call in this step; `cwd` makes paths absolute ('' leaves them)."""
    special: dict[str, Callable[[Step], Iterable[ToolCall]]] = {"codex": _codex, "mini": _mini}
    if agent in special:
        return list(special[agent](step))
    return [_shaped(agent, call, cwd) for call in step.calls]


def _raw(call: Call) -> ToolCall:
    return ToolCall(call.args["name"], dict(call.args["args"]), ops=("tool",))


def _shaped(agent: str, call: Call, cwd: str) -> ToolCall:
    if call.op == "tool":
        return _raw(call)
    name, shape = TOOLS[agent][call.op]
    words: dict[str, Any] = {**call.args, "cwd": cwd}
    if "path" in words:
        words["path"] = str(Path(cwd) / words["path"])
    args = {key: word[1:] if word.startswith("=") else words[word] for key, word in shape.items()}
    return ToolCall(
        name, {key: value for key, value in args.items() if value != ""}, ops=(call.op,)
    )


def _codex(step: Step) -> Iterable[ToolCall]:
    """Codex reads with its shell and edits with one patch; the edits of one step become one
    apply_patch."""
    patch: list[str] = []
    ops: list[str] = []
    for call in step.calls:
        if call.op in ("edit", "create"):
            patch += _patch_lines(call)
            ops.append(call.op)
    if patch:
        yield ToolCall(
            "apply_patch", {}, "\n".join(["*** Begin Patch", *patch, "*** End Patch"]), tuple(ops)
        )
    for call in step.calls:
        if call.op == "tool":
            yield _raw(call)
        elif call.op in ("read", "shell"):
            command = (
                call.args["command"]
                if call.op == "shell"
                else f"cat {shlex.quote(call.args['path'])}"
            )
            yield ToolCall("exec_command", {"cmd": command}, ops=(call.op,))


def _patch_lines(call: Call) -> list[str]:
    path = call.args["path"]
    if call.op == "create":
        return [
            f"*** Add File: {path}",
            *(f"+{line}" for line in call.args["content"].splitlines()),
        ]
    old, new = call.args["old"].splitlines(), call.args["new"].splitlines()
    return [
        f"*** Update File: {path}",
        "@@",
        *(f"-{line}" for line in old),
        *(f"+{line}" for line in new),
    ]


REPLACE = (
    "import pathlib,sys; p=pathlib.Path(sys.argv[1]); t=p.read_text(); assert sys.argv[2] in t; "
    "p.write_text(t.replace(sys.argv[2], sys.argv[3], 1))"
)


def _mini(step: Step) -> Iterable[ToolCall]:
    """mini has a shell alone, and ends when a command prints the marker; so a step without calls
    submits."""
    for call in step.calls:
        if call.op == "tool":
            yield _raw(call)
            continue
        commands = {
            "shell": "{command}",
            "read": "cat {path}",
            "create": "printf %s {content} > {path}",
            "edit": f"python3 -c {shlex.quote(REPLACE)} {{path}} {{old}} {{new}}",
        }
        quoted = {key: shlex.quote(str(value)) for key, value in call.args.items()}
        words = quoted if call.op != "shell" else call.args
        command = commands[call.op].format(**words)
        yield ToolCall("bash", {"command": command}, ops=(call.op,))
    if not step.calls:
        yield ToolCall("bash", {"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"}, ops=())
