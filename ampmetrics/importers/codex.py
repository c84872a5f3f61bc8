"""Codex's own files of its threads: `sessions/YYYY/MM/DD/rollout-<time>-<thread>.jsonl`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import ClassVar, NamedTuple

from ampmetrics.agents import adapter
from ampmetrics.importers.codex_session import events_of
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.heads import first, head_of, string
from ampmetrics.importers.saved import Saved

__all__ = ["Codex"]

_NAME = re.compile(r"rollout-(.+)-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
_NEW = re.compile(rb'"type"\s*:\s*"session_meta"')
_OLD = re.compile(
    rb'\{"id"\s*:\s*"[0-9a-f-]{36}",\s*"timestamp"\s*:\s*"[^"]+",\s*"instructions"\s*:'
)
_ID = re.compile(rb'"id"\s*:\s*"([^"\\]+)"')
_PARENT = re.compile(rb'"(?:forked_from_id|parent_thread_id)"\s*:\s*"([^"\\]+)"')
_TIME = re.compile(rb'"timestamp"\s*:\s*"([^"\\]+)"')
_CWD = re.compile(rb'"cwd"\s*:\s*("(?:[^"\\]|\\.)*")')


_SAVED = Saved(
    agent=adapter("codex"),
    head=re.compile(rb'\{"type":"thread\.started","thread_id":"([0-9a-f-]{36})"'),
    begins=lambda value: value["type"] == "thread.started",
    has_times=False,
)


class Codex(Source):
    """Threads of Codex."""

    name: ClassVar[str] = "codex"
    tool: ClassVar[str] = "Codex"

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """`sessions` and `archived_sessions` of CODEX_HOME."""
        folder = Path(env.get("CODEX_HOME") or home / ".codex")
        return [folder / "sessions", folder / "archived_sessions"]

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """It begins with what is known of the thread."""
        begin = head[:200]
        return bool(_NEW.search(begin) or _OLD.match(begin)) or _SAVED.is_saved(head)

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """A thread that was forked comes after the one whose beginning it repeats."""
        files, saved = _SAVED.split(files)
        found: dict[str, _Head] = {}
        for path in sorted(files):
            head = _head(path)
            found.setdefault(head.id, head).paths.append(path)
        parents = {id_: head.parent for id_, head in found.items()}
        for id_, head in sorted(found.items(), key=lambda each: (each[1].begun, each[0])):
            root = _root(id_, parents)
            yield Found(
                id=id_,
                files=tuple(head.paths),
                told_by_files=True,
                cwd=head.cwd,
                events=partial(events_of, id_, head.paths, root),
                family=root,
            )
        yield from _SAVED.found(saved, set(found), reading)


class _Head(NamedTuple):
    id: str
    begun: str
    cwd: str | None
    parent: str | None
    """the thread that it was forked from"""
    paths: list[Path]


def _head(path: Path) -> _Head:
    head, name = head_of(path), _NAME.fullmatch(path.stem)
    id_ = name[2] if name else first(_ID, head) or path.stem
    meta = head.split(b"\n", 1)[0]
    return _Head(id_, first(_TIME, head), string(_CWD, head), first(_PARENT, meta) or None, [])


def _root(id_: str, parents: Mapping[str, str | None]) -> str:
    """The thread that all forks began with; one that is not here may be it too."""
    seen = {id_}
    while (parent := parents.get(id_)) and parent not in seen:
        seen.add(parent)
        id_ = parent
    return id_
