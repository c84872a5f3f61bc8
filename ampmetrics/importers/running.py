"""Sessions that were found → one event file each, and what came of it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path, PurePath

import msgspec

from ampmetrics.agents.usage import load_prices
from ampmetrics.errors import CannotRunError
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.imported import Imported
from ampmetrics.importers.known import Counts, Known, Record, looks
from ampmetrics.importers.parallel import at_once, shares
from ampmetrics.importers.recorded import alone_with, recorded_in
from ampmetrics.jsonl import Rewritten, sync

__all__ = ["Imported", "Wanted", "import_files"]

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which sessions are wanted; null: whatever they are."""

    since: datetime | None = None
    """with an event at this time or later"""
    until: datetime | None = None
    """with an event before this time"""
    project: str | None = None
    """that worked in this folder or below it, or in one of this name"""

    def has(self, found: Found, first: datetime | None, last: datetime | None) -> bool:
        """A session whose events are of these times is wanted; null: it has none."""
        late = self.until is not None and first is not None and first >= self.until
        early = self.since is not None and last is not None and last < self.since
        return not late and not early and self.fits(found.cwd)

    def fits(self, cwd: str | None) -> bool:
        """A session that worked there is wanted; one that does not tell is not, if it matters."""
        if self.project is None:
            return True
        if cwd is None:
            return False
        folder = PurePath(cwd)
        return folder.name == self.project or folder.is_relative_to(Path(self.project).absolute())


def import_files(
    source: Source,
    files: Sequence[Path],
    out: Path,
    *,
    wanted: Wanted,
    dry_run: bool = False,
    readers: int | None = 1,
    advance: Callable[[int], None] = lambda _: None,
) -> Imported:
    """Write the sessions of these files to `<out>/<source>/<session>.jsonl`.

    What stands there already stays as it is, and what has not changed since is not read. `readers`
    is how many processes read at once, copies of this one, which then should have no other threads;
    null: as many as are worth it. `advance` is told of bytes that were read. Raises CannotRunError
    where a file cannot be written.
    """
    reading, writing = Reading(advance), _Writing(out / source.name, wanted, dry_run=dry_run)
    done = Imported(files=len(files), source=source.name)

    def work_apart(share: Sequence[Found], advance: Callable[[int], None]) -> _Work:
        return writing.work(share, Reading(advance))

    try:
        found = [(each, writing.path(each)) for each in source.sessions(files, reading)]
        done.told(reading)
        known = Known(writing.folder)
        records = known.current(found, writing.is_needed)
        for each, path in found:
            if path in records:
                done.add(writing.again(each, records[path]))
                advance(sum(size for _, size, _ in records[path].read))
        if left := [each for each, path in found if path not in records]:
            load_prices()
            split = shares(left, readers)
            alone = [writing.work(left, reading)] if len(split) == 1 else None
            for came, written in alone or at_once(split, work_apart, advance):
                done.add(came)
                records |= written
        if not dry_run:
            known.keep(found, records)
    except OSError as error:
        raise CannotRunError(f"{error.filename or out}: {error.strerror or error}") from error
    return done


_Work = tuple[Imported, dict[Path, Record]]
"""What came of some sessions, and what is to be known of them the next time."""


class _Writing:
    """Reads sessions and writes them into a folder."""

    def __init__(self, folder: Path, wanted: Wanted, *, dry_run: bool) -> None:
        self.folder = folder
        self._wanted = wanted
        self._dry_run = dry_run

    def path(self, found: Found) -> Path:
        """The event file of a session."""
        return self.folder / f"{_name(found.id)}.jsonl"

    def is_needed(self, found: Found, record: Record) -> bool:
        """It was not wanted, so that it was not written, and now it is."""
        return record.status == "not_wanted" and self._wanted.has(found, record.first, record.last)

    def again(self, found: Found, record: Record) -> Imported:
        """What comes of a session that is not read again."""
        if record.status != "empty" and not self._wanted.has(found, record.first, record.last):
            return Imported(sessions=Counter(not_wanted=1))
        done = record.imported()
        done.sessions[record.status if record.status in ("empty", "older") else "same"] += 1
        return done

    def work(self, share: Sequence[Found], reading: Reading) -> _Work:
        """Read and write these sessions."""
        done, records, new = Imported(), {}, []
        for found in share:
            path, read = self.path(found), looks(found.files)
            with alone_with(path) as alone:
                own = reading.apart()
                came, first, last = self._session(found, own, path, dry=not alone or self._dry_run)
                (status,) = came.sessions
                done.add(came.told(own) if alone else came.told(own).in_use())
            if status == "new" and not self._dry_run:
                new.append(path)
            if alone:
                records[path] = Record(
                    read=read, written=looks([path]), status=status, first=first, last=last,
                    counts=msgspec.convert(came, Counts, from_attributes=True),
                )  # fmt: skip
        sync(new)
        return done, records

    def _session(
        self, found: Found, reading: Reading, path: Path, *, dry: bool
    ) -> tuple[Imported, datetime | None, datetime | None]:
        """Read it in any case: what another session repeats is known only then."""
        came, recorded = Imported(), recorded_in(path, found.id)
        first: datetime | None = None
        last: datetime | None = None
        with Rewritten(path, dry=dry, kept_from=recorded.begin) as file:
            events = found.events(reading)
            for event in events if recorded.begin is None else recorded.without(events, reading):
                at = event.timestamp
                if first is None or at < first:
                    first = at
                if last is None or at > last:
                    last = at
                came.count(event)
                file.append(event)
            if not came.events:
                return Imported(sessions=Counter(empty=1)), first, last
            if not self._wanted.has(found, first, last):
                return Imported(sessions=Counter(not_wanted=1)), first, last
            status = file.finish()
            came.sessions[status] += 1
            came.new_events = 0 if status == "older" else file.events - file.same_events
        return came, first, last


def _name(id_: str) -> str:
    """A name for a file; of an id that is none, or that only differs in what cannot be in it."""
    safe = _UNSAFE.sub("-", id_).strip("-.")[:_LONGEST]
    if safe == id_:
        return safe
    return f"{safe or 'session'}-{sha256(id_.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"
