"""What is kept of a session beside its events: `session.json` in its folder."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from ampmetrics.capture import Workspace
from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.jsonl import SESSION_FILE

__all__ = ["Session", "Turn", "as_document", "load", "save"]


class Turn(Struct, frozen=True, kw_only=True, rename="camel"):
    """One iteration, in short; all of it is in the events."""

    number: int
    """from 1; none is used twice"""
    started_at: datetime
    """UTC"""
    model: str | None
    """model or mode that was asked for"""
    agent_version: str | None
    events: str
    """the file that they are in"""
    status: str | None = None
    """success, failed, timeout or cancelled; null: it has no end (yet)"""
    reason: str | None = None
    """why it is not success"""
    duration_ms: float | None = None


class Session(Struct, frozen=True, kw_only=True, rename="camel"):
    """One conversation with an agent in one workspace."""

    id: str
    repo: str
    """the repository or folder that it started from"""
    commit: str | None
    """commit that was asked for"""
    base_branch: str | None
    """branch that was asked for"""
    agent: str
    agent_command: str | None
    """as the user gave it"""
    agent_args: str | None
    """as the user gave them"""
    workspace: Workspace
    created_at: datetime
    """UTC"""
    agent_session_id: str | None = None
    """the agent's own conversation, to go on with"""
    imported: str | None = None
    """event file of the imported session that this goes on with, to which its iterations are
    appended; null: it began here"""
    iterations: tuple[Turn, ...] = ()

    @property
    def last_at(self) -> datetime:
        """When something last began here, UTC."""
        return self.iterations[-1].started_at if self.iterations else self.created_at

    @property
    def is_unfinished(self) -> bool:
        """Its last iteration has no end (yet)."""
        return bool(self.iterations) and self.iterations[-1].status is None

    @property
    def next_number(self) -> int:
        """Of the next iteration."""
        return max((turn.number for turn in self.iterations), default=0) + 1


def as_document(session: Session) -> dict[str, Any]:
    """The session as plain values, of its workspace the folder and the commit it began with."""
    document: dict[str, Any] = msgspec.to_builtins(session, enc_hook=str)
    space = document.pop("workspace")
    return {**document, "workspace": space["folder"], "baseCommit": space["base_commit"]}


def load(folder: Path) -> Session:
    """The session in this folder; raises BadInputError where its file cannot be read."""
    path = folder / SESSION_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Session, dec_hook=_decoded)
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise BadInputError(f"{path}: no session can be read from it: {error}") from error


def save(folder: Path, session: Session) -> None:
    """Write it whole or not at all.

    Raises CannotRunError where that cannot be done, BadInputError on a path that is no UTF-8 text.
    """
    path = folder / SESSION_FILE
    new = path.with_name(f"{SESSION_FILE}.new")
    try:
        content = msgspec.json.format(msgspec.json.encode(session, enc_hook=str), indent=2)
        with new.open("wb") as file:
            file.write(content + b"\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except UnicodeEncodeError as error:
        raise BadInputError(f"{error.object!a}: no UTF-8 text: take another name") from error
    except OSError as error:
        raise CannotRunError(f"{path}: cannot be written: {error.strerror}") from error


def _decoded(kind: type, value: Any) -> Any:
    """Paths are the one type here that JSON does not have."""
    return kind(value)
