"""Whether an imported session can be gone on with: its agent still has it, as it was imported."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.events import IterationStart
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.finding import find, places
from ampmetrics.importers.recorded import recorded_in
from ampmetrics.importers.registry import SOURCES
from ampmetrics.sessions import ImportedSession

__all__ = ["require_current"]


def require_current(imported: ImportedSession, agent: str) -> None:
    """Look into the agent's own files for the conversation.

    Raises CannotRunError where it is gone, BadInputError where it has prompts that were not
    imported yet. Of an agent that keeps its conversations on a server neither is known.
    """
    source = SOURCES.get(agent)
    if source is None or imported.agent_session_id is None:
        return
    found = _find(source, imported)
    if found is None:
        if source.is_remote:
            return
        looked = ", ".join(map(str, source.places(_home(), os.environ)))
        raise CannotRunError(
            f"{source.tool} has no conversation {imported.agent_session_id} on this machine (any "
            f"more), so it cannot go on; looked in {looked}: put it back, or begin a new session "
            "with --repo"
        )
    if imported.file.parent.name != source.name:
        return  # Of another source, or moved: no import of this one would bring more.
    recorded = recorded_in(imported.file, imported.id)
    begun = (
        event.timestamp
        for event in found.events(Reading())
        if isinstance(event.data, IterationStart)
    )
    if any(at > imported.last_at and not recorded.holds(at) for at in begun):
        raise BadInputError(
            f"session {imported.id!r} went on after it was imported: import it again first "
            f"(ampmetrics import {source.name} -o {imported.file.parent.parent})"
        )


def _find(source: Source, imported: ImportedSession) -> Found | None:
    for paths in _where(source, imported):
        try:
            files = find(paths, source)[source]
        except BadInputError:
            continue
        for found in source.sessions(files, Reading()):
            if found.id == imported.agent_session_id:
                return found
    return None


def _where(source: Source, imported: ImportedSession) -> Iterator[list[Path]]:
    """Files of the names that it was imported from; where it is in none of them, all."""
    there = places([source])[source]
    names = {Path(name).name for name in imported.sources}
    below = (file for place in there for file in (place, *place.rglob("*")))
    if named := [file for file in below if file.name in names]:
        yield named
    if there:
        yield there


def _home() -> Path:
    return Path(os.path.expanduser("~"))  # noqa: PTH111 - there may be no home
