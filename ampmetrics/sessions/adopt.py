"""An imported session goes on where it stopped: in its own folder, with its own agent."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from ampmetrics.capture import Workspace, remove
from ampmetrics.capture.git import GitError
from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.sessions.begin import TRACKER, Order, check, ignored_everywhere
from ampmetrics.sessions.imported import ImportedSession
from ampmetrics.sessions.record import Session
from ampmetrics.sessions.store import STATE, sessions_folder

__all__ = ["adopt", "looked_at"]

_SPECIAL = re.compile(rb"([\\*?\[])")


def adopt(imported: ImportedSession, order: Order, folder: Path) -> Session:
    """What is kept of an imported session from its first further iteration on.

    Raises BadInputError where it does not tell enough, or does not fit with what is asked,
    CannotRunError where its folder is not there.
    """
    if imported.agent_session_id is None:
        raise BadInputError(f"{imported.file}: it does not tell the agent's conversation")
    place = _folder(imported, order)
    session = Session(
        id=imported.id,
        repo=str(place),
        commit=None,
        base_branch=None,
        agent=imported.agent or order.adapter.name,
        agent_command=order.agent_command,
        agent_args=order.agent_args,
        workspace=Workspace(place, None, folder / TRACKER, "", is_copy=False),
        created_at=datetime.now(UTC),
        agent_session_id=imported.agent_session_id,
        imported=str(imported.file),
    )
    check(session, order)
    # What a beginning that was broken off may have left.
    remove(folder / TRACKER)
    return session


async def looked_at(session: Session, imported: ImportedSession) -> Session:
    """The session with its folder as it lies there now: what its user did since is not the agent's.

    Raises CannotRunError where it cannot be read.
    """
    place = session.workspace.folder
    try:
        ignored = b"\n".join([*await _ignored(place), *_own(imported.file, place), b""])
        workspace = await Workspace.over(place, session.workspace.tracker, ignored)
    except (GitError, OSError) as error:
        raise CannotRunError(f"{place}: {error}") from error
    return replace(session, workspace=workspace, imported=str(imported.file))


def _folder(imported: ImportedSession, order: Order) -> Path:
    name = f"session {imported.id!r}"
    if imported.cwd is None and order.repo is None:
        raise BadInputError(f"{name} does not tell the folder that it worked in: name it (--repo)")
    told = Path(imported.cwd or order.repo or "")
    place = told.resolve() if imported.cwd is None or told.is_absolute() else told
    if sessions_folder().resolve().is_relative_to(place):
        raise BadInputError(
            f"{name} worked in {place}, where ampmetrics keeps its sessions: name another folder "
            f"for them ({STATE})"
        )
    return place


def _own(file: Path, place: Path) -> Iterator[bytes]:
    """The event file, where it lies in the folder: it is not the agent's work."""
    if file.is_relative_to(place):
        yield b"/" + _SPECIAL.sub(rb"\\\1", bytes(file.relative_to(place)))


async def _ignored(place: Path) -> list[bytes]:
    """What git ignores there by files that are not in the folder or below it."""
    patterns = _lines(Path(await ignored_everywhere()))
    top = next((each for each in (place, *place.parents) if (each / ".git").exists()), place)
    for parent in [each for each in reversed(place.parents) if each.is_relative_to(top)]:
        inner = bytes(place.relative_to(parent))
        patterns += [
            below for line in _lines(parent / ".gitignore") if (below := _below(line, inner))
        ]
    inner = bytes(place.relative_to(top))
    named = _lines(top / ".git" / "info" / "exclude")
    return patterns + [below for line in named if (below := _below(line, inner))]


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError:
        return []


def _below(pattern: bytes, inner: bytes) -> bytes | None:
    """A pattern as it is said in a folder further down; null: it is of nothing there."""
    body = pattern.removeprefix(b"!")
    if inner == b"." or b"/" not in body.rstrip(b"/") or body.startswith(b"**/"):
        return pattern
    rest = body.removeprefix(b"/")
    if not rest.startswith(inner + b"/"):
        return None
    return pattern[: len(pattern) - len(body)] + rest[len(inner) :]
