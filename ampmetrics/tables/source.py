"""The files of a connection as DuckDB sees them: looked at anew for every query.

DuckDB asks for `ampmetrics://events` when it binds a query and is told what to read: the files
themselves, and in place of one that it could not read its mended form, which is read through here.
Where there is a cache, it asks for the parts of a kind and then for the rest of the files.
`unreadable_lines`, `wrong_values` and `blank_lines` of `ampmetrics://` are made when they are read.
"""

from __future__ import annotations

import io
import itertools
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgspec
from fsspec import AbstractFileSystem

from ampmetrics.tables.files import LONGEST_LINE, SHORT_LINE, Look, Looks
from ampmetrics.tables.span import Span

if TYPE_CHECKING:
    from ampmetrics.tables.cache import Kept
    from ampmetrics.tables.cache.state import Piece

__all__ = [
    "BLANK_LINES",
    "CACHED",
    "EVENTS",
    "LONG",
    "LONGEST_LINE",
    "PIECE",
    "REST",
    "SHORT",
    "SHORT_LINE",
    "SPAN",
    "UNREADABLE_LINES",
    "WITHIN",
    "WRONG_VALUES",
    "Source",
    "name_of",
    "name_within",
    "piece_of",
    "read_under",
]

_DOOR = "ampmetrics://"
EVENTS = f"{_DOOR}events"
SHORT = f"{_DOOR}short"
"""Those of the files whose lines are all short; `LONG` are the others."""
LONG = f"{_DOOR}long"
UNREADABLE_LINES = f"{_DOOR}unreadable_lines"
WRONG_VALUES = f"{_DOOR}wrong_values"
BLANK_LINES = f"{_DOOR}blank_lines"
WITHIN = f"{_DOOR}file/"
"""Begins the name of a mended file, in which no ending says `.gz`: see `name_within`."""
CACHED = f"{_DOOR}cached/"
"""Begins the name of what the cache holds of a kind; `REST` is what it does not hold."""
REST = f"{_DOOR}rest"
_PART = f"{_DOOR}part/"
_NO_ROWS = f"{_DOOR}no_rows"
PIECE = f"{_DOOR}bytes/"
"""Begins the name of a piece of a file: see `piece_of`."""
SPAN = 42
"""Length of how such a name ends."""
_NOTHING = f"{_DOOR}nothing"
_KEPT = 4


def name_within(file: str) -> str:
    """The name under which DuckDB asks for a mended file: a sign more before a `?` or at the end.

    For DuckDB the ending that tells of compression is what stands there.
    """
    stem, mark, rest = file.partition("?")
    return f"{WITHIN}{stem}|{mark}{rest}"


def name_of(name: str) -> str:
    """The name of the file that DuckDB reads under a name."""
    if not name.startswith(WITHIN):
        return name
    stem, mark, rest = name[len(WITHIN) :].partition("?")
    return f"{stem[:-1]}{mark}{rest}"


def read_under(file: str, look: Look) -> str | None:
    """The name under which DuckDB reads a file; null where it cannot be read."""
    if look.mended:
        return name_within(file)
    return None if look.reason else file


def piece_of(piece: Piece) -> str:
    """The name under which DuckDB asks for a piece of a file.

    DuckDB reads in the order of the names: pieces as their files, and before the mended ones.
    """
    return f"{PIECE}{piece.file.encode().hex()}/{piece.start:020d}-{piece.end:020d}"


Made = Callable[["Source"], Iterator[dict[str, object]]]


class Source(AbstractFileSystem):  # type: ignore[misc]
    """File system of one connection; only reads, and only the files it was made for."""

    protocol = "ampmetrics"
    cachable = False

    def __init__(self, made: Mapping[str, Made]) -> None:
        super().__init__()
        self.looks = Looks([], {})
        """Set when all views are there: nothing is looked at while they are made."""
        self.kept: Kept | None = None
        """The cache, if there is one; set like `looks`."""
        self.no_rows = b""
        """What stands for the parts of a kind that the cache holds nothing of."""
        self._made = made
        self._numbers = itertools.count()
        self._contents: dict[str, bytes] = {}
        self._told = threading.local()

    def glob(self, path: str, **_: Any) -> list[str]:
        """Files that a name stands for now."""
        if path == EVENTS:
            names = [read_under(file, look) for file, look in self.looks.all()]
            # Without any file DuckDB forgets the columns that it was told.
            return [name for name in names if name] or [_NOTHING]
        if path in (SHORT, LONG):
            return self._by_length(path) or [_NOTHING]
        if path == REST:
            return [name for name in self._rest() if name] or [_NOTHING]
        if path.startswith(CACHED):
            parts = self.kept.parts(path.removeprefix(CACHED)) if self.kept else []
            return [f"{_PART}{part}" for part in parts] or [_NO_ROWS]
        if path in self._made:
            # A name of its own for each query: what it is told does not change while it reads.
            return [f"{path}/{next(self._numbers)}"]
        return [path] if path.startswith((WITHIN, PIECE)) else []

    def _by_length(self, path: str) -> list[str]:
        # DuckDB asks for the short ones first: a file that changes meanwhile is one of either.
        if path == SHORT or not hasattr(self._told, "named"):
            named = [(read_under(file, look), look.is_short) for file, look in self.looks.all()]
            self._told.named = [(name, is_short) for name, is_short in named if name]
        return [name for name, is_short in self._told.named if is_short == (path == SHORT)]

    def _rest(self) -> Iterator[str | None]:
        for piece in self.kept.rest() if self.kept else ():
            # A whole file as always: it may have to be mended.
            look = None if piece.start else self.looks.of(piece.file)
            yield read_under(piece.file, look) if look else piece_of(piece)

    def unstrip_protocol(self, name: str) -> str:
        """The name as it is: that of a file needs no protocol."""
        return name

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, size and kind of what `open` would give."""
        with self.open(path) as file:
            return {"name": path, "size": file.seek(0, io.SEEK_END), "type": "file"}

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        """A mended file or a list that is made now; raises PermissionError for all else."""
        if mode != "rb":
            raise PermissionError(f"{path}: only to be read")
        if path.startswith(WITHIN):
            return self.looks.open(name_of(path))
        if path.startswith(PIECE):
            return self._piece(path)
        if path.startswith(_PART) and self.kept:
            return self.kept.open(path.removeprefix(_PART))
        if path == _NO_ROWS:
            return io.BytesIO(self.no_rows)
        if path == _NOTHING:
            return io.BytesIO()
        made = path.rpartition("/")[0]
        if made not in self._made:
            raise PermissionError(f"{path}: no file of this connection")
        if path not in self._contents:
            rows = self._made[made](self)
            self._contents[path] = b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
            while len(self._contents) > _KEPT:
                del self._contents[next(iter(self._contents))]
        return io.BytesIO(self._contents[path])

    def modified(self, path: str) -> datetime:  # noqa: ARG002 - the method's signature
        """A part never changes: another one has another name."""
        return datetime(2000, 1, 1, tzinfo=UTC)

    def _piece(self, path: str) -> Span:
        name, _, span = path.removeprefix(PIECE).partition("/")
        start, _, end = span.partition("-")
        file = bytes.fromhex(name).decode()
        if not self.kept or not self.kept.reads(file):
            raise PermissionError(f"{file}: no file of this connection")
        return Span(file, int(start), int(end))
