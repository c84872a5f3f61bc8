"""Claude Code's own files of its sessions: `projects/<folder>/<session>.jsonl` and its sub-agents'.

A sub-agent is in `<session>/subagents/agent-*.jsonl`, before in `agent-*.jsonl` beside the session,
before that in its lines, as a side chain.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

from ampmetrics.agents import adapter
from ampmetrics.importers.claude_lines import beside
from ampmetrics.importers.claude_session import events_of
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.heads import first, head_of, string, tail_of
from ampmetrics.importers.saved import Saved

__all__ = ["Claude"]

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_KNOWN = re.compile(
    rb'"(?:parentUuid|leafUuid)"\s*:|"type"\s*:\s*"(?:file-history-snapshot|queue-operation)"'
)
_SESSION = re.compile(rb'"sessionId"\s*:\s*"([^"\\]+)"')
_CWD = re.compile(rb'"cwd"\s*:\s*("(?:[^"\\]|\\.)*")')
_UUID = re.compile(rb'"uuid"\s*:\s*"([^"\\]+)"')
_MESSAGE = re.compile(rb'"id"\s*:\s*"(msg_[^"\\]+)"')
_TIME = re.compile(rb'"timestamp"\s*:\s*"([^"\\]+)"')


_SAVED = Saved(
    agent=adapter("claude"),
    head=re.compile(rb'\{"type":"system","subtype":"init",[^\n]*?"session_id":"([0-9a-f-]{36})"'),
    begins=lambda value: value["type"] == "system" and value.get("subtype") == "init",
    has_times=False,
)


class Claude(Source):
    """Sessions of Claude Code."""

    name: ClassVar[str] = "claude"
    tool: ClassVar[str] = "Claude Code"

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """`projects` of each folder in CLAUDE_CONFIG_DIR, else of the two usual ones."""
        named = env.get("CLAUDE_CONFIG_DIR")
        if named:
            return [Path(each.strip(), "projects") for each in named.split(",") if each.strip()]
        config = Path(env.get("XDG_CONFIG_HOME") or home / ".config")
        return [home / ".claude" / "projects", config / "claude" / "projects"]

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """Lines with the ids by which Claude Code chains its messages, or its saved output."""
        own = bool(_KNOWN.search(head)) and b'"sourceFile"' not in head
        return own or _SAVED.is_saved(head)

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """A copy that a resumed session begins with comes after what it is a copy of."""
        files, saved = _SAVED.split(files)
        told = set()
        for found in _sessions(files):
            told.add(found.id)
            yield found
        yield from _SAVED.found(saved, told, reading)


def _sessions(files: Sequence[Path]) -> Iterator[Found]:
    heads = {path: _head(path) for path in files}
    own: dict[str, list[Path]] = {}
    subs: dict[str, list[Path]] = {}
    for path, head in heads.items():
        group = subs if path.name.startswith("agent-") else own
        group.setdefault(head.session, []).append(path)
    same = Counter(head.begun for head in heads.values())

    def order(path: Path) -> tuple[str, str, str]:
        begun = heads[path].begun
        return begun, _last_time(path) if same[begun] > 1 else "", str(path)

    found = [
        (id_, sorted(own.get(id_, ()), key=order), sorted(subs.get(id_, ()), key=order))
        for id_ in own | subs
    ]
    families = _families({id_: {heads[path].begins for path in mains} for id_, mains, _ in found})
    for id_, mains, agents in sorted(found, key=lambda each: order((each[1] + each[2])[0])):
        yield Found(
            id=id_,
            files=(*mains, *agents, *filter(Path.exists, map(beside, agents))),
            told_by_files=True,
            cwd=next((heads[path].cwd for path in mains + agents if heads[path].cwd), None),
            events=partial(events_of, id_, mains, agents),
            family=families[id_],
        )


class _Head(NamedTuple):
    session: str
    begun: str
    cwd: str | None
    begins: tuple[str, str]
    """its first line and its first message, which a copy of it has too"""


def _head(path: Path) -> _Head:
    head = head_of(path)
    begins = first(_UUID, head), first(_MESSAGE, head)
    return _Head(_session(path, head), first(_TIME, head), string(_CWD, head), begins)


def _families(begins: Mapping[str, set[tuple[str, str]]]) -> dict[str, str]:
    """By session: one of those that begin with the same line or message, the same for all."""
    above = {id_: id_ for id_ in begins}

    def top(id_: str) -> str:
        while above[id_] != id_:
            above[id_] = id_ = above[above[id_]]
        return id_

    owner: dict[tuple[int, str], str] = {}
    for id_, starts in begins.items():
        for key in {(place, each) for start in starts for place, each in enumerate(start) if each}:
            above[top(id_)] = top(owner.setdefault(key, id_))
    return {id_: top(id_) for id_ in begins}


def _session(path: Path, head: bytes) -> str:
    """The session that a file is of: by its name or folder, else by its first lines."""
    if path.parent.name == "subagents":
        return path.parent.parent.name
    if _ID.fullmatch(path.stem):
        return path.stem
    return first(_SESSION, head) or path.stem


def _last_time(path: Path) -> str:
    found: list[bytes] = _TIME.findall(tail_of(path))
    return found[-1].decode(errors="replace") if found else ""
