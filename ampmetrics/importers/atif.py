"""ATIF: trajectories of the Agent Trajectory Interchange Format, up to v1.8, as harbor writes them.

One JSON document an agent's run; sub-agents' may be embedded. What a step leaves out of its tokens
and the final sums have is one record more, of the run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, ClassVar

from ampmetrics.agents.reading import count, decode, listed, mapping, shallow, text
from ampmetrics.events import Event, IterationEnd, IterationStart
from ampmetrics.importers.atif_step import Told, calls_of, remainder, usage_of
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.documents import elements, members
from ampmetrics.importers.own import Own, own_events, own_part
from ampmetrics.importers.turns import Turns
from ampmetrics.importers.values import modified, said, time_of

__all__ = ["Atif"]

_VERSION = re.compile(rb'"schema_version"\s*:\s*"ATIF-v1\.\d+"')


class Atif(Source):
    """ATIF trajectories."""

    name: ClassVar[str] = "atif"
    tool: ClassVar[str] = "ATIF trajectories"
    endings: ClassVar[tuple[str, ...]] = (".json",)

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:  # noqa: ARG002
        """None: it is a format, kept wherever its user wants it."""
        return []

    def knows(self, path: Path, head: bytes) -> bool:  # noqa: ARG002
        """A document that names a version of the format."""
        return head.lstrip().startswith(b"{") and _VERSION.search(head) is not None

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """One a document; of copies of one the first."""
        for path in files:
            trajectory = _read(path, reading)
            if trajectory is not None and reading.is_first("atif", trajectory.id):
                # It is read again then: all of them at once are too much to keep.
                id_, events = trajectory.id, partial(_events, path)
                yield Found(id=id_, files=(path,), cwd=None, events=events, family=id_)
            elif trajectory is not None:
                reading.leave_out("copies of trajectories")


def _read(path: Path, reading: Reading) -> _Trajectory | None:
    """The trajectory of a file; null, and told as unreadable, where it holds none."""
    content = reading.whole(path)
    try:
        return None if content is None else _Trajectory(content)
    except ValueError as error:
        reading.cannot_read(path, None, str(error))
        return None


class _Trajectory:
    """A trajectory as it was read; raises ValueError where it is none."""

    def __init__(self, content: bytes, begin: int = 1) -> None:
        self._content = content
        parts = members(content)
        self._own = {
            name: shallow(decode(part))
            for name, part in parts.items()
            if name not in ("steps", "subagent_trajectories", "extra")
        }
        self._steps = parts.get("steps", b"null")
        self._embedded = parts.get("subagent_trajectories", b"null")
        self._ours = _own_part(parts)
        self.begin = begin
        self.agent: dict[str, Any] = mapping(self._own.get("agent"), "agent")

    @property
    def id(self) -> str:
        """Of the document, else of the run, else made of what it holds."""
        own = text(self._own.get("trajectory_id")) or text(self._own.get("session_id"))
        return own or f"trajectory-{sha256(self._content).hexdigest()[:16]}"

    @property
    def is_ours(self) -> bool:
        """Ampmetrics exported it."""
        return "events" in self._ours

    def own_events(self, path: Path) -> Iterator[Own]:
        """Our events, in the steps and beside them; raises ValueError on anything else."""
        for line, element in elements(self._content, self._ours["events"]):
            yield _own(members(element), path, line)
        for line, element in elements(self._content, self._steps):
            if own := _own_part(members(element)):
                yield _own(own, path, line)

    @property
    def final(self) -> dict[str, Any]:
        final = self._own.get("final_metrics")
        return final if isinstance(final, dict) else {}

    def steps(self, path: Path, reading: Reading) -> Iterator[tuple[int, dict[str, Any]]]:
        """Its steps and their lines; raises ValueError where they are no list."""
        for line, element in elements(self._content, self._steps):
            reading.lines_read += 1
            try:
                step = shallow(mapping(decode(element), "a step"))
            except ValueError as error:
                reading.cannot_read(path, line + self.begin - 1, str(error))
                continue
            if step.get("is_copied_context") is True:
                reading.leave_out("steps copied from another trajectory")
            else:
                yield line + self.begin - 1, step

    def embedded(self) -> Iterator[_Trajectory]:
        """Its sub-agents' trajectories; raises ValueError where one is none."""
        if self._embedded.strip() != b"null":
            for line, element in elements(self._content, self._embedded):
                yield _Trajectory(element, begin=line + self.begin - 1)


def _events(path: Path, reading: Reading) -> Iterator[Event]:
    trajectory = _read(path, Reading())
    if trajectory is None:
        reading.cannot_read(path, None, "changed while it was read")
        return
    agent = text(trajectory.agent.get("name"))
    if trajectory.is_ours:
        yield from _ours(trajectory, path, reading)
        return
    telling = _Telling(Turns(trajectory.id, path, agent=agent), trajectory, path)
    try:
        yield from telling.all(reading)
    except ValueError as error:
        reading.cannot_read(path, None, str(error))


def _ours(trajectory: _Trajectory, path: Path, reading: Reading) -> Iterator[Event]:
    """Of a trajectory that we wrote every event as it was."""
    try:
        found = list(trajectory.own_events(path))
    except ValueError as error:
        reading.cannot_read(path, None, str(error))
        return
    reading.lines_read += len(found)
    yield from own_events(found, reading)


def _own_part(parts: dict[str, bytes]) -> dict[str, bytes]:
    try:
        return own_part(members(parts["extra"]))
    except (KeyError, ValueError):
        return {}


def _own(parts: dict[str, bytes], path: Path, line: int) -> Own:
    place = count(decode(parts.get("place", b"null")))
    if place is None or "event" not in parts:
        raise ValueError("an event of ampmetrics without its place")
    return Own(place, path, line, parts["event"])


class _Telling:
    def __init__(self, turns: Turns, trajectory: _Trajectory, path: Path) -> None:
        self._turns = turns
        self._trajectory = trajectory
        self._path = path
        self._told = Told()
        self._at = modified(path)
        self._parents: dict[str, str] = {}
        """a sub-agent's trajectory → the call that began it"""

    def all(self, reading: Reading) -> Iterator[Event]:
        """The trajectory itself, then those of its sub-agents."""
        steps = list(self._trajectory.steps(self._path, reading))
        self._at = next(
            (at for _, step in steps if (at := time_of(step.get("timestamp")))), self._at
        )
        for line, step in steps:
            self._at = time_of(step.get("timestamp")) or self._at
            yield from self._step(step, line)
        rest = remainder(self._trajectory.final, self._told, self._model({}), self._at)
        if rest is not None:
            yield from self._turns.tell(rest, self._at, self._trajectory.begin)
        yield from self._turns.end(IterationEnd())
        for embedded in self._trajectory.embedded():
            yield from self._aside(embedded, self._parents.get(embedded.id), reading)

    def _step(self, step: dict[str, Any], line: int) -> Iterator[Event]:
        if step.get("source") == "user":
            start = IterationStart(
                agent_version=text(self._trajectory.agent.get("version")),
                model=text(self._trajectory.agent.get("model_name")),
            )
            yield from self._turns.begin(start, self._at, line, said(step.get("message")))
        elif step.get("source") == "agent":
            usage = usage_of(step, self._model(step), self._at)
            if usage is not None:
                self._told.add(usage)
                yield from self._turns.tell(usage, self._at, line)
            for call in calls_of(step):
                yield from self._turns.tell(call, self._at, line)
            self._parents.update(_begun(step))

    def _aside(
        self, trajectory: _Trajectory, parent: str | None, reading: Reading
    ) -> Iterator[Event]:
        """A sub-agent's steps, within the iterations of their times."""
        told, at = Told(), self._at
        for line, step in trajectory.steps(self._path, reading):
            at = time_of(step.get("timestamp")) or at
            model = text(step.get("model_name")) or text(trajectory.agent.get("model_name"))
            usage = usage_of(step, model, at, parent)
            if step.get("source") == "agent" and usage is not None:
                told.add(usage)
                yield from self._turns.tell(usage, at, line, aside=True)
            for call in calls_of(step, parent):
                yield from self._turns.tell(call, at, line, aside=True)
            self._parents.update(_begun(step))
        model = text(trajectory.agent.get("model_name"))
        rest = remainder(trajectory.final, told, model, at, parent)
        if rest is not None:
            yield from self._turns.tell(rest, at, trajectory.begin, aside=True)
        for embedded in trajectory.embedded():
            yield from self._aside(embedded, self._parents.get(embedded.id), reading)

    def _model(self, step: dict[str, Any]) -> str | None:
        return text(step.get("model_name")) or text(self._trajectory.agent.get("model_name"))


def _begun(step: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Sub-agents' trajectories that a step began, each with its call."""
    observation = step.get("observation")
    results = observation.get("results") if isinstance(observation, dict) else None
    for result in listed(results):
        for ref in listed(result.get("subagent_trajectory_ref")):
            id_, call = text(ref.get("trajectory_id")), text(result.get("source_call_id"))
            if id_ and call:
                yield id_, call
