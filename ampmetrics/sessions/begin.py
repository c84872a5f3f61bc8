"""A session's beginning: its repository prepared, its workspace checked out; and its going on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ampmetrics.agents import Adapter
from ampmetrics.capture import Source, environment, remove
from ampmetrics.capture.git import GitError, git
from ampmetrics.capture.process import run_process
from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.sessions.imported import ImportedSession
from ampmetrics.sessions.record import Session
from ampmetrics.sessions.store import LOCK_FILE, nearest

__all__ = ["TRACKER", "Order", "begin", "check", "check_new", "ignored_everywhere", "is_new"]

_SOURCE, _WORK, TRACKER = "source", "workspaces", "tracker.git"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What is asked of a session."""

    session_id: str
    prompt: str
    adapter: Adapter
    agent_command: str | None = None
    """as the user gave it, for the iterations to come"""
    agent_args: str | None = None
    repo: Path | None = None
    """null: the session is there and knows it"""
    commit: str | None = None
    base_branch: str | None = None
    model: str | None = None
    """null: as in the iteration before"""
    timeout_sec: float
    events: Path | None = None
    """file to append to; null: the session's own"""
    imported: ImportedSession | None = None
    """the session to go on with, where it was imported"""


def is_new(folder: Path) -> bool:
    """Nothing but what a beginning that was broken off may have left is in this folder."""
    return {path.name for path in folder.iterdir()} <= {LOCK_FILE, _SOURCE, _WORK, TRACKER}


def check_new(order: Order) -> Path:
    """What a new session starts from; raises BadInputError where that is not there."""
    if order.repo is None:
        raise BadInputError(
            f"session {order.session_id!r} is new and needs a --repo{nearest(order.session_id)}; "
            "one that was imported is named by its event file, FOLDER/SOURCE/SESSION.jsonl"
        )
    if not order.repo.is_dir():
        raise BadInputError(f"--repo {order.repo}: no such folder")
    return order.repo.resolve()


async def begin(order: Order, folder: Path, tell: Callable[[str], None]) -> Session:
    """Make the workspace of a new session.

    Raises BadInputError or CannotRunError where its repo cannot be used.
    """
    repo = check_new(order)
    for name in (_SOURCE, _WORK, TRACKER):
        remove(folder / name)
    try:
        source = await Source.prepare(
            repo, folder / _SOURCE, commit=order.commit, branch=order.base_branch
        )
        workspace = await source.checkout(folder / _WORK / (repo.name or "repo"), folder / TRACKER)
        for note in source.notes:
            tell(note)
        if order.commit is None and order.base_branch is None:
            await _tell_of_uncommitted(repo, tell)
    except (GitError, OSError) as error:
        raise CannotRunError(f"{repo}: {error}") from error
    return Session(
        id=order.session_id,
        repo=str(repo),
        commit=order.commit,
        base_branch=order.base_branch,
        agent=order.adapter.name,
        agent_command=order.agent_command,
        agent_args=order.agent_args,
        workspace=workspace,
        created_at=datetime.now(UTC),
    )


def check(session: Session, order: Order) -> None:
    """Raises BadInputError where the session cannot go on with what is asked of it."""
    name = f"session {order.session_id!r}"
    another = "leave it out, or take another session"
    if session.id != order.session_id:
        raise BadInputError(f"the folder of {name} holds session {session.id!r}: take another one")
    if order.imported and session.imported is None:
        raise BadInputError(
            f"{name} was begun by `ampmetrics iterate` and not imported: remove it (ampmetrics "
            "sessions remove), or go on with it by its name"
        )
    if session.agent != order.adapter.name:
        raise BadInputError(
            f"{name} is a conversation with {session.agent}, which {order.adapter.name} cannot go "
            "on with: take another session"
        )
    if (session.iterations or session.imported) and not order.adapter.continues:
        raise BadInputError(
            f"{session.agent} cannot go on with a conversation, and {name} has had its iteration: "
            "take another session"
        )
    if order.imported and order.events and order.events.resolve() != order.imported.file:
        raise BadInputError(
            f"--metrics-file {order.events}: what is added to an imported session belongs into "
            f"its own file, {order.imported.file}: leave it out"
        )
    for option, asked, known in (
        ("repo", order.repo and str(order.repo.resolve()), session.repo),
        ("commit", order.commit, session.commit),
        ("base-branch", order.base_branch, session.base_branch),
    ):
        if asked not in (None, known):
            begun = known or "none that was named"
            raise BadInputError(f"--{option} {asked}: {name} began with {begun}: {another}")
    folder = session.workspace.folder
    if session.imported and not (folder.is_absolute() and folder.is_dir()):
        raise CannotRunError(
            f"the folder of {name} is not there ({folder}; gone, or of another machine), and "
            f"{session.agent} goes on only in it: put it back, or begin a new session with --repo"
        )
    if not folder.is_dir():
        raise CannotRunError(f"the workspace of {name} is gone ({folder}): remove the session")


async def ignored_everywhere() -> str:
    """The user's own file of names to ignore: what it names he does not mean to commit."""
    said = bytearray()
    asked = ["git", "config", "--global", "--type=path", "--get", "core.excludesFile"]
    await run_process(asked, env=environment(), stderr=subprocess.DEVNULL, on_output=said.extend)
    config = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    default = os.path.expanduser(f"{config}/git/ignore")  # noqa: PTH111 - there may be no home
    return said.decode(errors="surrogateescape").strip("\n") or default


async def _tell_of_uncommitted(repo: Path, tell: Callable[[str], None]) -> None:
    if not (repo / ".git").exists():
        return
    ignored = f"core.excludesFile={await ignored_everywhere()}"
    said = await git(repo, "-c", ignored, "status", "--porcelain", "-z")
    if changed := said.count(b"\0"):
        files = f"{changed} file{'s' * (changed != 1)}"
        tell(f"{repo}: what is not committed there ({files}) is not in the workspace")
