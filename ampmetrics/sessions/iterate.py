"""One more iteration of a session: begun or continued, run, recorded, kept."""

from __future__ import annotations

import asyncio
import dataclasses
import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec.structs import replace

from ampmetrics.agents import Request
from ampmetrics.capture import (
    Clock,
    Recorder,
    Secrets,
    environment,
    program_version,
    remove,
    require_program,
    run_iteration,
    until_interrupted,
)
from ampmetrics.capture.git import GitError
from ampmetrics.capture.orphans import HOME, end_orphans
from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.events import Event
from ampmetrics.jsonl import SESSION_FILE, EventFile
from ampmetrics.sessions.adopt import adopt, looked_at
from ampmetrics.sessions.begin import Order, begin, check, check_new, is_new
from ampmetrics.sessions.imported import read_imported
from ampmetrics.sessions.record import Session, Turn, load, save
from ampmetrics.sessions.store import folder_of, locked
from ampmetrics.sessions.tally import Tally

__all__ = ["Done", "Watch", "iterate"]

EVENTS_FILE = "metrics.jsonl"

Tell = Callable[[str], None]
Watch = Callable[[Event, Path, range], None]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What came of it."""

    session: Session
    tally: Tally
    interrupted: bool = False

    @property
    def turn(self) -> Turn:
        """The iteration that was run."""
        return self.session.iterations[-1]


async def iterate(order: Order, *, tell: Tell, watch: Watch) -> Done | None:
    """Run one iteration; null where it was interrupted before the agent was begun.

    What a user should know on the way goes to `tell`; each event, once it is written, to `watch`,
    with the file and the bytes that its line takes there. Raises BadInputError where the session
    and what is asked of it do not fit, CannotRunError where it is in use, or where the agent, git
    or a file cannot be used.
    """
    require_program("git")
    folder = folder_of(order.session_id)
    done: Done | None = None

    async def work() -> None:
        nonlocal done
        known = None if new else load(folder)
        if known:
            check(known, order)
        elif order.imported:
            known = adopt(order.imported, order, folder)
        else:
            check_new(order)
        require_program(order.adapter.program[0])
        version = await program_version(order.adapter.version_command)
        if known and known.is_unfinished:
            await _tell_of_the_killed(known, folder, tell)
        session = known or await begin(order, folder, tell)
        tally = Tally(tells_calls=order.adapter.tells.durations is not None)
        with _opened(order, folder, tally, watch) as file:
            number = session.next_number
            if order.imported:
                # As it stands there now that no import can change it.
                imported = read_imported(file.path, session.id)
                number = max(number, imported.iterations + 1)
                session = await looked_at(session, imported)
            session = _next(session, order, number, version, file.path)
            _tell_how_it_goes_on(session, tell)
            save(folder, session)
            try:
                await _run(session, order, folder, file)
            finally:
                before, session = session, _ended(session, tally)
                done = Done(session=session, tally=tally)
                save(folder, session)
            if order.imported and session.agent_session_id != before.agent_session_id:
                tell(
                    f"{session.agent} went on in another conversation, {session.agent_session_id}: "
                    "an import makes a session of its own of it, which has this iteration again"
                )

    with locked(folder):
        new = is_new(folder)
        try:
            completed = await until_interrupted(work())
        finally:
            if new and not (folder / SESSION_FILE).exists():
                remove(folder)
    return done and dataclasses.replace(done, interrupted=not completed)


class _WatchedFile(EventFile):
    """An event file whose events are shown once they are in it."""

    def __init__(self, path: Path, tally: Tally, watch: Watch) -> None:
        super().__init__(path)
        self._tally = tally
        self._show = watch

    def append(self, event: Event, clean: Callable[[bytes], bytes] | None = None) -> None:
        begin = os.fstat(self._fd).st_size
        super().append(event, clean)
        self._tally.add(event)
        self._show(event, self.path, range(begin, os.fstat(self._fd).st_size))

    def take(self) -> bool:
        """Wait for an import that is at it, and keep others out; false: it is another file now."""
        with suppress(OSError):  # a file system that has no locks
            fcntl.flock(self._fd, fcntl.LOCK_EX)
        return self.path.exists() and os.path.samestat(os.fstat(self._fd), self.path.stat())


def _opened(order: Order, folder: Path, tally: Tally, watch: Watch) -> EventFile:
    path = order.imported.file if order.imported else order.events or folder / EVENTS_FILE
    if path.exists() and not path.is_file():
        raise BadInputError(f"--metrics-file {path}: no file to append to; - is standard output")
    try:
        file = _WatchedFile(path.absolute(), tally, watch)
        while order.imported and not file.take():
            with file:
                file = _WatchedFile(path, tally, watch)
    except OSError as error:
        raise CannotRunError(f"{path}: cannot write there: {error.strerror}") from error
    return file


def _next(
    session: Session, order: Order, number: int, version: str | None, events: Path
) -> Session:
    last = session.iterations[-1].model if session.iterations else None
    turn = Turn(
        number=number,
        started_at=datetime.now(UTC),
        model=order.model or last,
        agent_version=version,
        events=str(events),
    )
    return replace(
        session,
        iterations=(*session.iterations, turn),
        agent_command=order.agent_command,
        agent_args=order.agent_args,
    )


async def _tell_of_the_killed(session: Session, folder: Path, tell: Tell) -> None:
    last = session.iterations[-1].number
    tell(f"Iteration {last} has no end: ampmetrics was killed, or could not write")
    if ended := await asyncio.to_thread(end_orphans, folder):
        tell(f"Ended what it had left running: {', '.join(ended)}")


def _tell_how_it_goes_on(session: Session, tell: Tell) -> None:
    *before, turn = session.iterations
    if before and session.agent_session_id is None:
        tell(f"{session.agent} never named its conversation: it begins a new one, same workspace")
    goes_on = f", going on with {session.agent_session_id}" if session.agent_session_id else ""
    version = f" {turn.agent_version}" if turn.agent_version else ""
    tell(f"Session {session.id}, iteration {turn.number}: {session.agent}{version}{goes_on}")
    own = "" if session.workspace.is_copy else " (the session's own folder, no copy of it)"
    tell(f"Workspace: {session.workspace.folder}{own}")
    tell(f"Events: {turn.events}")


async def _run(session: Session, order: Order, folder: Path, file: EventFile) -> None:
    turn = session.iterations[-1]
    logs = folder / "logs"
    try:
        logs.mkdir(exist_ok=True)
        await run_iteration(
            order.adapter,
            Request(
                prompt=order.prompt,
                model=turn.model,
                agent_session_id=session.agent_session_id,
                evidence=logs / f"{turn.number}.evidence",
                env=environment({HOME: str(folder)}),
            ),
            number=turn.number,
            agent_version=turn.agent_version,
            workspace=session.workspace,
            timeout_sec=order.timeout_sec,
            recorder=Recorder(
                file=file, clock=Clock(), session_id=session.id, secrets=Secrets.of(os.environ)
            ),
            logs=logs / str(turn.number),
        )
    except (GitError, OSError) as error:
        raise CannotRunError(f"session {session.id!r}, iteration {turn.number}: {error}") from error


def _ended(session: Session, tally: Tally) -> Session:
    end = tally.end
    if end is None:
        return session
    *before, turn = session.iterations
    reason = end.reason and Secrets.of(os.environ).clean_text(end.reason)
    ended = replace(turn, status=end.status, reason=reason, duration_ms=end.duration_ms)
    return replace(
        session,
        iterations=(*before, ended),
        agent_session_id=end.agent_session_id or session.agent_session_id,
    )
