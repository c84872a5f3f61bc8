"""One agent's conversation with the scripted model: which step answers a request, and the record of
it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .amp import Threads
from .dialects import ToolCall, main_tools, tool_calls
from .script import Step, Usage, compact
from .truth import EXHAUSTED, SIDE, Made, Request, truth
from .wire import Api, Ask, Reply, minimal

SIDE_USAGE = Usage(input=50, output=5)
PREFIXES = {
    "anthropic": ("msg_01Scripted", "toolu_01Scripted"),
    "chat": ("chatcmpl-scripted", "call_scripted"),
    "responses": ("resp_scripted", "call_scripted"),
    "gemini": ("scripted", "call_scripted"),
}
_CWD = re.compile(
    r"(?i)(?:working (?:directory|folder)|cwd|workspace(?: (?:folder|root))?)\b"
    r"[^/\n]{0,60}(/[^\s\"'<>`,)\\]+)"
)


class Session:
    """The steps still to be said, and every request so far. Thread-safe."""

    def __init__(
        self,
        agent: str,
        steps: Sequence[Step],
        subs: Mapping[str, tuple[str, Sequence[Step]]],
        key: str,
        url: str,
    ) -> None:
        self.agent, self.key, self.url = agent, key, url
        self.requests: list[Request] = []
        self.other: list[tuple[str, str]] = []
        """(method, path) of requests that are not model requests."""
        self.threads: Threads = {}
        self._lock = threading.Lock()
        self._steps: dict[str, list[Step]] = {
            "main": list(steps),
            **{name: list(steps) for name, (_, steps) in subs.items()},
        }
        self._marks = {name: mark for name, (mark, _) in subs.items()}
        self._at = dict.fromkeys(self._steps, 0)
        self._given = dict.fromkeys(self._steps, 0)
        self._born = time.monotonic()
        self._counts: dict[str, int] = {}

    def truth(self) -> dict[str, Any]:
        """The sums of `truth.truth`, and how many scripted steps were never asked for."""
        with self._lock:
            left = sum(len(steps) - self._at[name] for name, steps in self._steps.items())
            return {
                "agent": self.agent,
                **truth(self.requests),
                "steps_left": left,
                "other_requests": [" ".join(one) for one in self.other],
            }

    def answer(self, api: Api, path: str, body: dict[str, Any]) -> tuple[Step, Request, Reply]:
        """Take the step that answers this request and record both."""
        ask = api.ask(path, body)
        with self._lock:
            name = self._script(ask)
            index, step, calls = self._take(name, ask)
            self._learn(api, name, ask)
            reply_prefix, call_prefix = PREFIXES[api.name]
            ids = [(self._id(call_prefix), call) for call in calls]
            reply = Reply(
                self._id(reply_prefix), ask.model, step.text, step.thinking, tuple(ids), step.usage
            )
            request = Request(
                n=len(self.requests) + 1,
                at=round(time.monotonic() - self._born, 4),
                api=api.name,
                path=path,
                model=ask.model,
                stream=ask.stream,
                script=EXHAUSTED if index is None and name != SIDE else name,
                step=index,
                status=step.status,
                ended="error" if step.status != 200 else "gone",
                reply_id=reply.id,
                usage=step.usage if step.status == 200 else None,
                begun=api.begun(step.usage) if step.status == 200 and ask.stream else None,
                usage_raw=api.usage(step.usage) if step.status == 200 else {},
                calls=[
                    Made(id_, call.name, call.args or {"input": call.text}, call.ops)
                    for id_, call in ids
                ],
                offered=sorted(ask.tools),
            )
            self.requests.append(request)
            return step, request, reply

    def _script(self, ask: Ask) -> str:
        """A request that offers none of the agent's own tools is beside the conversation."""
        if not main_tools(self.agent) & set(ask.tools):
            return SIDE
        marked = [name for name, mark in self._marks.items() if mark in ask.first_user]
        return marked[0] if marked else "main"

    def _take(self, name: str, ask: Ask) -> tuple[int | None, Step, list[ToolCall]]:
        if name == SIDE:
            return None, *_side(ask)
        at, steps = self._at[name], self._steps[name]
        if at >= len(steps):
            return None, Step("SCRIPT EXHAUSTED", usage=SIDE_USAGE), []
        step = steps[at]
        self._given[name] += 1
        if step.status == 200 or self._given[name] == step.times:
            self._at[name], self._given[name] = at + 1, 0
        return at, step, tool_calls(self.agent, step, working_directory(ask.text))

    def _learn(self, api: Api, name: str, ask: Ask) -> None:
        """Note what the agent says of earlier calls: by call id, or by order where ids are not the
        server's."""
        made = [
            call for request in self.requests if request.script == name for call in request.calls
        ]
        by_id = {call.id: call for call in made}
        for place, (id_, text, is_error) in enumerate(ask.results):
            call = made[place] if api.name == "gemini" and place < len(made) else by_id.get(id_)
            if call is not None and call.result is None:
                call.result, call.is_error = text, is_error

    def _id(self, prefix: str) -> str:
        self._counts[prefix] = self._counts.get(prefix, 0) + 1
        return f"{prefix}{self._counts[prefix]:04d}"


def _side(ask: Ask) -> tuple[Step, list[ToolCall]]:
    """A harmless answer: the forced tool, a value that fits the schema, or a title."""
    if ask.forced or len(ask.tools) == 1:
        name = ask.forced or next(iter(ask.tools))
        return Step(usage=SIDE_USAGE), [ToolCall(name, minimal(ask.tools.get(name)))]
    if ask.schema:
        return Step(compact(minimal(ask.schema)), usage=SIDE_USAGE), []
    return Step("Scripted title", usage=SIDE_USAGE), []


def working_directory(text: str) -> str:
    """The directory that a system prompt says the agent works in, if it is one of this machine;
    else ''."""
    found = (match[1].rstrip(".") for match in _CWD.finditer(text))
    return next((path for path in found if Path(path).is_dir()), "")
