"""opencode: its sessions, in `opencode.db`, or before 2026 in a file a session, message and part.

A step is one model request. A sub-agent is a session of its own, of which the task call names the
id; it is told within the session that began it. The title request is nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from ampmetrics.agents import adapter
from ampmetrics.events import Event
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.database import MAGIC, tables_of
from ampmetrics.importers.opencode_database import sessions_of_database
from ampmetrics.importers.opencode_files import is_session_file, sessions_of_files
from ampmetrics.importers.opencode_session import Session, events_of
from ampmetrics.importers.saved import Saved

__all__ = ["Opencode"]

_TABLES = {"session", "message", "part"}


_SAVED = Saved(
    agent=adapter("opencode"),
    head=re.compile(rb'\{"type":"[a-z_]+","timestamp":\d+,"sessionID":"(ses_[0-9A-Za-z]+)"'),
    begins=lambda value: value["type"] == "step_start",
    has_times=True,
)


class Opencode(Source):
    """opencode's own files and database."""

    name: ClassVar[str] = "opencode"
    tool: ClassVar[str] = "opencode"
    endings: ClassVar[tuple[str, ...]] = (".json", ".db", ".jsonl")

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """Its database, and the folders of its files."""
        data = Path(env.get("XDG_DATA_HOME") or home / ".local" / "share") / "opencode"
        return [data / "opencode.db", data / "storage", data / "project"]

    def knows(self, path: Path, head: bytes) -> bool:
        """A database with its tables, or a file in the place and of the form of its storage."""
        if head.startswith(MAGIC):
            tables = tables_of(path)
            return tables.keys() >= _TABLES and "data" in tables["part"]
        return is_session_file(path, head) or _SAVED.is_saved(head)

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """One a session that no other began; what its database tells is not told again."""
        files, saved = _SAVED.split(files)
        told: list[Session] = []
        for path in files:
            if _is_database(path):
                told += sessions_of_database(path, reading)
        told += sessions_of_files([path for path in files if not _is_database(path)], reading)
        known: dict[str, Session] = {}
        for session in told:
            if known.setdefault(session.id, session) is not session:
                reading.leave_out("sessions that a database or another copy tells as well")
        families: dict[str, list[Session]] = {}
        for session in known.values():
            families.setdefault(_root(session, known), []).append(session)
        for root, family in families.items():
            family.sort(key=lambda session: (session.id != root, session.created_ms))
        for family in sorted(families.values(), key=lambda family: family[0].created_ms):
            yield _found(family)
        yield from _SAVED.found(saved, set(known), reading)


def _is_database(path: Path) -> bool:
    return path.suffix != ".json"


def _root(session: Session, known: Mapping[str, Session]) -> str:
    """The session that began it all, as far as it is there."""
    seen: set[str] = set()
    parent = known.get(session.parent_id or "")
    while parent is not None and parent.id not in seen:
        seen.add(parent.id)
        session, parent = parent, known.get(parent.parent_id or "")
    return session.id


def _found(family: list[Session]) -> Found:
    files = tuple(dict.fromkeys(session.file for session in family))

    def events(reading: Reading) -> Iterator[Event]:
        return events_of(family, reading)

    first = family[0]
    return Found(id=first.id, files=files, cwd=first.cwd, events=events, family=first.id)
