"""What was imported before and from what, so that what has not changed since is not read again.

It stands beside the event files, in `.imported`. A file has not changed where its size and the time
of its last change are the same; one that was changed just before it was read may be changed again
within the same time, so it is read again.
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from importlib.util import find_spec
from pathlib import Path

import msgspec

from ampmetrics import __version__
from ampmetrics.importers.contract import Found, Unreadable
from ampmetrics.importers.imported import Imported
from ampmetrics.importers.turns import as_text
from ampmetrics.pricing import prices_in_use

__all__ = ["Counts", "Known", "Look", "Record", "looks"]

_NAME = ".imported"
_FRESH_NS = 2 * 10**9

Look = tuple[str, int, int]
"""A file, its size in bytes and when it was changed last, ns"""


class Counts(msgspec.Struct, kw_only=True):
    """Of one session, as in Imported."""

    events: int
    requests: int
    total_tokens: int
    cost_usd: float
    unpriced: int
    lines: int
    unreadable_lines: int
    unreadable: list[Unreadable]
    left_out: dict[str, int]


class Record(msgspec.Struct, kw_only=True):
    """One session that was imported."""

    family: list[str] = []
    """event files of the sessions that are read together, its own among them"""
    read: list[Look]
    """what its events were made of, as it looked before"""
    written: list[Look]
    """its event file; none where it has none"""
    status: str
    first: datetime | None
    last: datetime | None
    counts: Counts

    def is_current(self, found: Found, path: Path) -> bool:
        """Neither what it was read from nor what was written has changed since."""
        is_told = found.told_by_files and self.read == looks(found.files)
        return is_told and self.written == looks([path])

    def imported(self) -> Imported:
        """What came of it, nothing of that new."""
        told = msgspec.structs.asdict(self.counts)
        return Imported(**{**told, "left_out": Counter(self.counts.left_out)})


class _Kept(msgspec.Struct):
    made_by: str
    sessions: dict[str, Record]


class Known:
    """The sessions whose event files are in a folder."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME
        self._made_by = _made_by()
        self._sessions: dict[str, Record] = {}
        with suppress(OSError, msgspec.MsgspecError, RecursionError):
            kept = msgspec.json.decode(self._path.read_bytes(), type=_Kept)
            if kept.made_by == self._made_by:
                self._sessions = kept.sessions

    def current(
        self, found: Sequence[tuple[Found, Path]], needed: Callable[[Found, Record], bool]
    ) -> dict[Path, Record]:
        """Those of the sessions, by event file, that need not be read again.

        Of sessions that may repeat each other all or none; `needed`: one must be, all the same.
        """
        current: dict[Path, Record] = {}
        for members in _families(found):
            names = _names(members)
            records = {path: self._sessions.get(path.name) for _, path in members}
            if all(
                (record := records[path]) is not None
                and record.family == names
                and record.is_current(each, path)
                and not needed(each, record)
                for each, path in members
            ):
                current |= {path: record for path, record in records.items() if record}
        return current

    def keep(self, found: Sequence[tuple[Found, Path]], records: Mapping[Path, Record]) -> None:
        """From now on know these sessions so; raises OSError."""
        if not self._path.parent.is_dir():
            return
        now = time.time_ns()
        for members in _families(found):
            names = _names(members)
            for _, path in members:
                self._sessions.pop(path.name, None)
                record = records.get(path)
                if record and all(changed < now - _FRESH_NS for *_, changed in record.read):
                    record.family = names
                    self._sessions[path.name] = record
        new = self._path.with_name(f"{_NAME}.{os.getpid()}.new")
        try:
            new.write_bytes(msgspec.json.encode(_Kept(self._made_by, self._sessions)))
            new.replace(self._path)
        finally:
            new.unlink(missing_ok=True)


def looks(paths: Iterable[Path]) -> list[Look]:
    """How these files look now; of one that is gone nothing."""
    found = []
    for path in paths:
        with suppress(OSError):
            now = path.stat()
            found.append((as_text(path), now.st_size, now.st_mtime_ns))
    return found


def _families(found: Sequence[tuple[Found, Path]]) -> Iterable[list[tuple[Found, Path]]]:
    families: dict[Hashable, list[tuple[Found, Path]]] = {}
    for each in found:
        families.setdefault(each[0].family, []).append(each)
    # Of one whose family is not known any may be a copy.
    return [list(found)] if None in families else families.values()


def _names(members: Sequence[tuple[Found, Path]]) -> list[str]:
    return sorted(path.name for _, path in members)


def _made_by() -> str:
    """What else events depend on."""
    # Its version would take longer to find than many sessions, and loading it as long as hundreds.
    listed = find_spec("genai_prices")
    prices = looks([Path(listed.origin)] if listed and listed.origin else [])
    own = prices_in_use()
    return f"ampmetrics {__version__}, {prices}, {own.version if own else None}"
