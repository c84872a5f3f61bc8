"""Holds more: the pieces that are missing become parts, and many small parts become one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ampmetrics.tables.cache.build import batches, built, delete, merged
from ampmetrics.tables.cache.manifest import Part
from ampmetrics.tables.cache.state import (
    Held,
    Key,
    Piece,
    cut_behind,
    end_of_lines,
    key_of,
    remember,
    still_holds,
)
from ampmetrics.tables.mended import is_packed
from ampmetrics.tables.source import PIECE, piece_of, read_under

if TYPE_CHECKING:
    from ampmetrics.tables.source import Source

__all__ = ["Grown", "grow", "without"]

_LONGEST = 3 << 26
"""Longest piece of a file that one part is made of."""
_SMALL_FILE = 1 << 20
_QUIET_NS = 2_000_000_000
_PARTS = 64
_SMALL_PART = 1 << 26


class Grown(NamedTuple):
    """What is held now."""

    parts: list[Part]
    held: dict[str, Held]


class _Wanted(NamedTuple):
    """What is to be held of a file, and the pieces by the names under which DuckDB reads them."""

    held: Held
    pieces: dict[str, Piece]


def grow(
    source: Source,
    folder: Path,
    old: Grown,
    missing: list[tuple[Piece, Key]],
    *,
    many: bool,
) -> Grown:
    """What is held, and of what is missing all that does not change while it is read.

    Raises OSError or duckdb.Error where parts cannot be made; what was made then is deleted.
    """
    wanted = {piece.file: each for piece, key in missing if (each := _wanted(source, piece, key))}
    names = {name: piece for each in wanted.values() for name, piece in each.pieces.items()}
    made: list[Part] = []
    try:
        last = max((part.place for part in old.parts), default=0)
        for place, batch in enumerate(batches(names), last + 1):
            made += [built(source, _in_order(batch), place, folder, many=many)]
        held = old.held | {file: each.held for file, each in wanted.items()}
        changed = {file for file, each in wanted.items() if not _is_right(each, file)}
        parts, held = without([*old.parts, *made], held, changed)
        if len(parts) > _PARTS:
            parts = _fewer(parts, folder, made)
    except BaseException:
        for part in made:
            delete(part, folder)
        raise
    for part in made:
        if part not in parts:
            delete(part, folder)
    return Grown(parts, held)


def without(parts: list[Part], held: dict[str, Held], lost: set[str]) -> Grown:
    """What is held without these files: a part goes as a whole, and so does a file."""
    lost = set(lost)
    while gone := [part for part in parts if any(piece.file in lost for piece in part.pieces)]:
        lost.update(piece.file for part in gone for piece in part.pieces)
        parts = [part for part in parts if part not in gone]
    return Grown(parts, {file: one for file, one in held.items() if file not in lost})


def _wanted(source: Source, piece: Piece, key: Key) -> _Wanted | None:
    """Null where the file cannot be held now."""
    file = piece.file
    look = source.looks.of(file)
    name = read_under(file, look)
    if name is None:
        return None
    try:
        if look.mended or is_packed(file):
            held = remember(file, key, key.size, grows=False)
            return _Wanted(held, {name: Piece(file, 0, key.size)})
        end = end_of_lines(file, piece.start, key.size)
        held = remember(file, key, end, grows=True)
    except OSError:
        return None
    quiet = time.time_ns() - key.written_ns > _QUIET_NS
    if piece.start == 0 and end == key.size <= _SMALL_FILE and quiet:
        # Faster; that it does not change meanwhile is looked at afterwards.
        return _Wanted(held, {file: Piece(file, 0, end)} if end else {})
    return _Wanted(held, {piece_of(each): each for each in _cut(Piece(file, piece.start, end))})


def _in_order(batch: dict[str, Piece]) -> dict[str, Piece]:
    """The same under names in the order of the files: either all as pieces or none."""
    if not any(name.startswith(PIECE) for name in batch):
        return batch
    return {
        piece_of(piece) if name == piece.file and not is_packed(name) else name: piece
        for name, piece in batch.items()
    }


def _cut(piece: Piece) -> Iterator[Piece]:
    start = piece.start
    while start < piece.end:
        end = cut_behind(piece.file, start + _LONGEST - 1, piece.end)
        yield Piece(piece.file, start, end)
        start = end


def _is_right(wanted: _Wanted, file: str) -> bool:
    """True where what was read is what is remembered: the file is the same, or it only grew."""
    now = key_of(file)
    if now == wanted.held.key:
        return True
    return now is not None and file not in wanted.pieces and still_holds(wanted.held, file, now)


def _fewer(parts: list[Part], folder: Path, made: list[Part]) -> list[Part]:
    """Small parts that follow each other as one; the order of a file's lines stays."""
    fewer: list[Part] = []
    run: list[Part] = []
    for part in [*parts, None]:
        if part and _size(part) < _SMALL_PART:
            run.append(part)
            continue
        if len(run) > 1:
            run = [merged(run, folder)]
            made += run
        fewer += run
        run = []
        fewer += [part] if part else []
    return fewer


def _size(part: Part) -> int:
    return sum(piece.end - piece.start for piece in part.pieces)
