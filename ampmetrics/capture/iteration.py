"""One prompt, from the agent's start to the last file edit, as events in their order."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from ampmetrics.agents import Adapter, Arrival, Request, Stream
from ampmetrics.capture.clock import milliseconds
from ampmetrics.capture.process import Ended, run_group
from ampmetrics.capture.recorder import Recorder
from ampmetrics.capture.repository import head
from ampmetrics.capture.survivors import Family
from ampmetrics.capture.tracking import Tracking
from ampmetrics.capture.workspace import Workspace
from ampmetrics.events import IterationEnd, IterationStart, UserMessage

__all__ = ["Iteration", "run_iteration"]

_SHOWN_BYTES = 2000
_PATIENCE_SEC = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Iteration:
    """How an iteration ended."""

    iteration_id: str
    status: str
    """success, failed or timeout"""
    reason: str | None
    """why it is not success"""
    agent_session_id: str | None
    """the agent's own id of the conversation, to go on with"""


async def run_iteration(
    adapter: Adapter,
    request: Request,
    *,
    number: int,
    agent_version: str | None,
    workspace: Workspace,
    timeout_sec: float,
    recorder: Recorder,
    logs: Path,
) -> Iteration:
    """Run the agent once and record what it did.

    Tool calls and usage are written as they arrive; edits and commits when no call is under way,
    with the time at which they were seen; the net change at the end. The agent's raw output is kept
    in `logs` (`….stdout.log`, `….stderr.log`). Where the caller is cancelled the iteration gets its
    end, with status `cancelled`. Raises OSError where the agent cannot be started, GitError where
    its edits cannot be told, CannotRunError where an event cannot be written.
    """
    recorder = recorder.within(iteration_id=str(uuid.uuid4()))
    begin = recorder.clock.now()
    recorder.write(
        IterationStart(
            iteration_number=number,
            git_sha=head(workspace.folder),
            agent=adapter.name,
            agent_version=agent_version,
            model=request.model,
            cwd=None if workspace.is_copy else str(workspace.folder),
        ),
        begin,
    )
    recorder.write(UserMessage(message=request.prompt), begin)
    stream = adapter.stream(request)
    tracking = Tracking(workspace, recorder, stream, adapter.tells)
    reading = _Reading(stream, recorder, tracking)
    ended: Ended | None = None
    family: Family | None = None
    tracked = False
    status = "cancelled"
    reason: str | None = "the run was interrupted"
    begin = recorder.clock.now()
    request.evidence.mkdir(parents=True, exist_ok=True)
    try:
        await tracking.begin(goes_on=number > 1)
        family = Family(recorder.secrets.clean_text)
        ended = await run_group(
            adapter.command_line(request),
            cwd=workspace.folder,
            env={**request.env, **adapter.environment(request)},
            timeout_sec=timeout_sec,
            stdin=adapter.stdin(request),
            stdout_log=Path(f"{logs}.stdout.log"),
            stderr_log=Path(f"{logs}.stderr.log"),
            on_line=reading.line,
            secrets=recorder.secrets,
            family=family,
        )
        reading.close(ended.exit_code)
        status, reason = _judge(ended, reading.stream, timeout_sec, Path(f"{logs}.stderr.log"))
        reason = recorder.secrets.clean_text(reason) if reason else None
        await tracking.end()
        tracked = True
    except Exception as error:
        if ended is None:
            status, reason = "failed", f"the agent could not be run: {error}"
        raise
    finally:
        reading.close(None)
        spent = ended.duration_ms if ended else milliseconds(begin, recorder.clock.now())
        if status == "cancelled":
            tracked = await _end_soon(tracking)
        await tracking.abandon()
        recorder.write(
            IterationEnd(
                iteration_number=number,
                status=status,
                reason=reason,
                duration_ms=spent,
                exit_code=ended.exit_code if ended else None,
                agent_session_id=reading.stream.agent_session_id,
                edits_tracked=tracked,
                stream_lines=reading.lines,
                unreadable_stream_lines=reading.unreadable,
                killed=list(family.killed) if family and family.has_begun else None,
                not_visible=list(adapter.tells.not_visible),
                untold_edits=tracking.untold,
            )
        )
        recorder.sync()
        recorder.secrets.clean_files(request.evidence)
        with suppress(OSError):  # it holds something
            request.evidence.rmdir()
    return Iteration(
        iteration_id=str(recorder.iteration_id),
        status=status,
        reason=reason,
        agent_session_id=stream.agent_session_id,
    )


class _Reading:
    """Turns the agent's lines into events and counts those that it could not read."""

    def __init__(self, stream: Stream, recorder: Recorder, tracking: Tracking) -> None:
        self.stream = stream
        self.lines = 0
        self.unreadable = 0
        self._recorder = recorder
        self._tracking = tracking

    def line(self, line: bytes) -> None:
        if not line.strip():
            return
        self.lines += 1
        now = self._recorder.clock.now()
        try:
            arrivals = self.stream.read(line, now)
        except ValueError:
            self.unreadable += 1
            arrivals = []
        self._take(arrivals, now)

    def close(self, exit_code: int | None) -> None:
        now = self._recorder.clock.now()
        self._take(self.stream.close(now, exit_code), now)

    def _take(self, arrivals: list[Arrival], now: datetime) -> None:
        for arrival in arrivals:
            self._recorder.write(arrival.record, arrival.at)
        self._tracking.read(arrivals, now)


async def _end_soon(tracking: Tracking) -> bool:
    """What a cancelled agent had done goes with its workspace, so it is told, if that is quick."""
    try:
        async with asyncio.timeout(_PATIENCE_SEC):
            await tracking.end()
    except (asyncio.CancelledError, Exception):
        # Whatever it is, the iteration gets its end, which says that the edits are not known.
        return False
    return True


def _judge(
    ended: Ended, stream: Stream, timeout_sec: float, stderr: Path
) -> tuple[str, str | None]:
    # Amp's SDK has it so: an exit code after the agent said that it was done says nothing more.
    if ended.timed_out:
        return "timeout", f"the agent was not done after {timeout_sec:g} s"
    if stream.error is not None:
        return "failed", stream.error[:500]
    if not stream.finished:
        return "failed", _unfinished(ended, stderr)
    return "success", None


def _unfinished(ended: Ended, stderr: Path) -> str:
    with stderr.open("rb") as file:
        file.seek(max(0, stderr.stat().st_size - _SHOWN_BYTES))
        said = file.read().decode(errors="replace").strip().splitlines()
    last = f": {said[-1][:300]}" if said else ""
    return f"the agent exited with {ended.exit_code} and never said that it was done{last}"
