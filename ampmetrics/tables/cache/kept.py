"""What one connection is told of its files: what the cache holds of them, and the rest.

Looked at anew for every query. Where the cache holds less than there is, more is built if that
pays; whatever it does not hold, for whatever reason, is read from the files.
"""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, NamedTuple

import duckdb

from ampmetrics.tables.cache.entry import LOG, Entry
from ampmetrics.tables.cache.grow import Grown, grow, without
from ampmetrics.tables.cache.manifest import Manifest, Part
from ampmetrics.tables.cache.state import Held, Key, Piece, key_of, still_holds
from ampmetrics.tables.span import Span

if TYPE_CHECKING:
    from ampmetrics.tables.source import Source

__all__ = ["Kept", "Plan"]

_LIVE = 1 << 23
"""Less than so many bytes are read from the files rather than built: 50 queries cost no more."""
_LIVE_FILES = 20
_PATIENCE = 6
_TRIES = 3


class Plan(NamedTuple):
    """What a query reads: parts of the cache, and pieces of files; a whole one begins at 0."""

    parts: list[Part]
    held: dict[str, Held]
    rest: list[Piece]
    missing: list[Piece]
    """Of the rest what the cache could hold: remote files and pipes it cannot."""


class Kept:
    """The cache of one connection.

    `files` are all that it reads, in order. `eager`: build what is missing at once; else
    where it is little, or was read so often that building would have cost no more.
    """

    def __init__(self, entry: Entry, files: list[str], source: Source, *, many: bool, eager: bool):
        self.entry = entry
        self._files = files
        self._reader = weakref.ref(source)
        self._many = many
        self._eager = eager
        self._listed_ns = time.time_ns()
        self._asked = 0
        self._tries = _TRIES
        self._known: tuple[object, ...] = ()
        self._damaged: set[str] = set()
        self._reads = frozenset(files)
        self._named: set[str] = set()
        self._lock = threading.RLock()
        self._told = threading.local()

    def parts(self, kind: str) -> list[str]:
        """Names of the Parquet files of a kind; `rest` of the same thread then fits to them."""
        with self._lock:
            plan = self._current()
            while damaged := [
                part.name
                for part in plan.parts
                if kind in part.kinds and not self.entry.is_intact(part, kind)
            ]:
                self._damaged.update(damaged)
                plan = self._current()
            self._told.plan = plan
            names = [part.file_of(kind) for part in plan.parts if kind in part.kinds]
            self._named.update(names)
            return names

    def rest(self) -> list[Piece]:
        """What the parts that this thread was told of last do not hold."""
        plan: Plan = self._told.plan
        return plan.rest

    def reads(self, file: str) -> bool:
        """True for a file of the connection."""
        return file in self._reads

    def open(self, part: str) -> Span:
        """A Parquet file that `parts` named; raises PermissionError for another one."""
        if part not in self._named:
            raise PermissionError(f"{part}: no part that this connection reads")
        path = self.entry.folder / part
        return Span(str(path), 0, path.stat().st_size)

    def _current(self) -> Plan:
        self._asked += 1
        keys = {file: key_of(file) for file in self._files}
        known = (keys, self.entry.version(), frozenset(self._damaged))
        if known != self._known:
            self._plan = self._planned(self.entry.read(), keys)
            self._known = known
        if self._pays(self._plan):
            try:
                self._build(keys)
            except (OSError, duckdb.Error) as error:
                self._tries = 0
                LOG.warning("the cache cannot be built, the files are read: %s", error)
        return self._plan

    def _planned(self, manifest: Manifest, keys: dict[str, Key | None]) -> Plan:
        lost = {
            file
            for file, held in manifest.files.items()
            if not self._holds(file, held, keys.get(file))
        }
        for part in manifest.parts:
            if part.name in self._damaged:
                lost |= {piece.file for piece in part.pieces}
        parts, held = without(manifest.parts, manifest.files, lost)
        rest = []
        for file, key in keys.items():
            start = held[file].end if file in held else 0
            if file not in held or (key and key.size > start):
                rest.append(Piece(file, start, key.size if key else 0))
        return Plan(parts, held, rest, [piece for piece in rest if keys[piece.file]])

    def _holds(self, file: str, held: Held, key: Key | None) -> bool:
        if key is None or not still_holds(held, file, key):
            return False
        # A line that came may be one that DuckDB cannot read.
        return held.key == key or not self._source.looks.of(file).mended

    @property
    def _source(self) -> Source:
        # It holds this one, so this one must not hold it: they end with the connection.
        source = self._reader()
        assert source  # noqa: S101 - it is asked by the source only
        return source

    def _pays(self, plan: Plan) -> bool:
        size = sum(piece.end - piece.start for piece in plan.missing)
        if not plan.missing or not self._tries:
            return False
        if plan.held and size < _LIVE and len(plan.missing) < _LIVE_FILES:
            return False
        held = sum(one.end for one in plan.held.values())
        return self._eager or self._asked > _PATIENCE or size * 10 < held

    def _build(self, keys: dict[str, Key | None]) -> None:
        with self.entry.building() as alone:
            if not alone:
                return
            manifest = self.entry.read()
            if manifest.listed_ns > self._listed_ns and manifest.files.keys() - keys.keys():
                # Files came that this connection does not read: who reads them builds.
                self._tries = 0
                return
            plan = self._planned(manifest, keys)
            missing = [(piece, key) for piece in plan.missing if (key := keys[piece.file])]
            old = Grown(plan.parts, plan.held)
            grown = grow(self._source, self.entry.folder, old, missing, many=self._many)
            listed_ns = max(manifest.listed_ns, self._listed_ns)
            new = self.entry.write(listed_ns, grown.held, grown.parts)
            self._tries = self._tries - 1 if grown.parts == plan.parts else _TRIES
            self._plan = self._planned(new, keys)
            self._known = (keys, self.entry.version(), frozenset(self._damaged))
