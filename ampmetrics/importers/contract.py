"""The contract of a source: how its files are found and known, and how a session becomes events."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar, NamedTuple

from ampmetrics.agents.files import opened
from ampmetrics.events import Event

__all__ = ["SHOWN", "Found", "Reading", "Source", "Unreadable"]

_LONGEST_LINE = 64 << 20
_LARGEST = 1 << 30
_PIECE = 1 << 20
SHOWN = 20
"""of what cannot be read the first"""


class Unreadable(NamedTuple):
    """A line that could not be read, or a file (line null), and why."""

    file: str
    line: int | None
    reason: str


class Reading:
    """One import: gives the lines of files, and is told what was left out of them."""

    def __init__(self, advance: Callable[[int], None] = lambda _: None) -> None:
        self.lines_read = 0
        self.unreadable_lines = 0
        self.unreadable: list[Unreadable] = []
        """the first of them"""
        self.left_out: Counter[str] = Counter()
        """what is not in the events though it stood there, by its reason"""
        self._advance = advance
        self._seen: set[int] = set()

    def apart(self) -> Reading:
        """Another one that knows the same keys, and counts anew."""
        other = Reading(self._advance)
        other._seen = self._seen
        return other

    def lines(self, path: Path) -> Iterator[tuple[int, bytes]]:
        """Lines of a file that are not blank, each with its number, from 1.

        A file that cannot be read, and a line longer than 64 MiB, are told as unreadable.
        """
        try:
            with opened(path, _PIECE) as file:
                read = 0
                lines = iter(partial(file.readline, _LONGEST_LINE), b"")
                for number, line in enumerate(lines, 1):
                    read += len(line)
                    if len(line) == _LONGEST_LINE and not line.endswith(b"\n"):
                        read += _rest_of_line(file)
                        self.cannot_read(path, number, f"longer than {_LONGEST_LINE} bytes")
                    elif not line.isspace():
                        self.lines_read += 1
                        yield number, line
                    if read > _PIECE:
                        self._advance(read)
                        read = 0
                self._advance(read)
        except OSError as error:
            self.cannot_read(path, None, error.strerror or str(error))

    def whole(self, path: Path) -> bytes | None:
        """A file that is one document; null, and told as unreadable, where it cannot be read."""
        try:
            with opened(path) as file:
                content = file.read(_LARGEST + 1)
        except OSError as error:
            self.cannot_read(path, None, error.strerror or str(error))
            return None
        self._advance(len(content))
        if len(content) > _LARGEST:
            self.cannot_read(path, None, f"larger than {_LARGEST} bytes")
            return None
        return content

    def cannot_read(self, path: Path, line: int | None, reason: str) -> None:
        """Count a line, or with null a file, that cannot be read."""
        self.unreadable_lines += 1
        if len(self.unreadable) < SHOWN:
            self.unreadable.append(Unreadable(str(path), line, reason))

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Count what does not become an event though one might expect it."""
        self.left_out[reason] += count

    def is_first(self, *key: Hashable) -> bool:
        """No session of this import has had this key; from now on this one has."""
        known = len(self._seen)
        # Of millions of ids only the hashes fit; that two of them are equal is one in 10^6.
        self._seen.add(hash(key))
        return len(self._seen) > known


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One session that was found and is not read yet."""

    id: str
    """its tool's own id of the conversation: stable, the same from whatever copy of the file"""
    files: tuple[Path, ...]
    """that are read for it"""
    cwd: str | None
    """folder in which the agent worked; null: not told"""
    events: Callable[[Reading], Iterator[Event]]
    """reads them: its events, in the source's order, the same again for the same files"""
    told_by_files: bool = False
    """its events depend on nothing but these files"""
    family: Hashable = None
    """sessions that may repeat each other, which one reader has to read in turn; those of other
    families may be read at the same time by others; null: may repeat any"""


class Source(ABC):
    """One tool whose files can be imported."""

    name: ClassVar[str]
    """as the command line takes it, and the folder of its sessions in the output"""
    tool: ClassVar[str]
    """in words"""
    endings: ClassVar[tuple[str, ...]] = (".jsonl",)
    """of files that are looked at in a folder"""
    is_remote: ClassVar[bool] = False
    """its tool may keep sessions on a server of its own, and then not in a file"""

    @abstractmethod
    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:
        """Folders and files in which its tool keeps sessions, there or not."""

    @abstractmethod
    def knows(self, path: Path, head: bytes) -> bool:
        """A file with this beginning (up to 16 KiB) is of this source."""

    @abstractmethod
    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """Sessions of these files, that which began first first.

        A file that is read for one need not be read whole yet. Of two files of one session, or one
        that repeats another, it is for the source to see that nothing is told twice.
        """


def _rest_of_line(file: BinaryIO) -> int:
    """Skip what is left of a line, piece by piece; its size in bytes."""
    size = 0
    for piece in iter(lambda: file.readline(_PIECE), b""):
        size += len(piece)
        if piece.endswith(b"\n"):
            break
    return size
