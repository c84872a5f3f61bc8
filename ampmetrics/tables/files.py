"""What each event file is now: read as it is, or in a mended form that is kept for it."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO, BinaryIO

from ampmetrics.tables.mended import (
    LONGEST_LINE,
    SHORT_LINE,
    is_packed,
    is_read_as_it_is,
    mend,
    unpacked,
)

__all__ = ["LONGEST_LINE", "SHORT_LINE", "Fetch", "Look", "Looks", "name_as_text", "nameable"]

_ENOUGH = 1 << 28
"""Bytes of one temporary file; the next one is begun then."""

Fetch = Callable[[IO[bytes]], None]
"""Writes what a file holds to another; raises OSError, and what is written then still counts."""


def nameable(files: list[str]) -> tuple[list[str], dict[str, Fetch]]:
    """The files whose name is text, and those whose name is only bytes by a text that shows it."""
    odd = {file for file in files if not file.isascii() and file != name_as_text(file)}
    named = {name_as_text(file): _copy_of(file) for file in files if file in odd}
    return [file for file in files if file not in odd], named


def name_as_text(name: str) -> str:
    """A name that may be only bytes, as a text that shows it."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _copy_of(file: str) -> Fetch:
    def fetch(copy: IO[bytes]) -> None:
        with open(file, "rb") as source:  # noqa: PTH123 - a file is a text here
            shutil.copyfileobj(source, copy)

    return fetch


class _Spool:
    """A temporary file of the mended forms of many files, as few can be open at once."""

    def __init__(self) -> None:
        self.file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
        weakref.finalize(self, _close, self.file)


def _close(file: BinaryIO) -> None:
    # On a full disk what was not written yet cannot be; it is not needed either.
    with suppress(OSError):
        file.close()


@dataclass(frozen=True, slots=True)
class _Mended:
    """Where the mended form of a file is."""

    spool: _Spool
    start: int
    size: int


@dataclass(slots=True)
class Look:
    """What was found when a file was looked at; `reason`: why not all of it can be read."""

    key: tuple[int, ...]
    reason: str | None = None
    mended: _Mended | None = None
    long_lines: dict[int, int] = field(default_factory=dict)
    is_short: bool = False
    """True where it is read as it is and no line is longer than `SHORT_LINE`."""


class Looks:
    """The files, each looked at again when it has changed since.

    What cannot be read twice, a pipe or a remote file, is read once, into a temporary file.
    """

    def __init__(self, files: list[str], remote: Mapping[str, Fetch]) -> None:
        self._files = dict.fromkeys([*files, *remote])
        self._remote = remote
        self._known: dict[str, Look] = {}
        self._spool: _Spool | None = None
        self._one_at_a_time = threading.Lock()

    def all(self) -> Iterator[tuple[str, Look]]:
        """Every file with what it is now."""
        for file in self._files:
            yield file, self.of(file)

    def of(self, file: str) -> Look:
        """What a file is now."""
        with self._one_at_a_time:
            if file in self._remote:
                if file not in self._known:
                    self._known[file] = self._fetched(file, (), self._remote[file])
                return self._known[file]
            try:
                found = os.stat(file)  # noqa: PTH116 - a file is a text here, of thousands
            except OSError as error:
                return Look((), error.strerror or str(error))
            key: tuple[int, ...] = (found.st_dev, found.st_ino)
            is_regular = stat.S_ISREG(found.st_mode)
            if is_regular:
                key = (*key, found.st_size, found.st_mtime_ns)
            known = self._known.get(file)
            if known is None or known.key != key:
                look = self._looked if is_regular else self._copied
                known = self._known[file] = look(file, key)
            return known

    def open(self, file: str) -> io.BufferedIOBase | io.RawIOBase:
        """The bytes that DuckDB reads of a file: its own or the mended ones."""
        if file not in self._files:
            raise PermissionError(f"{file}: no file of this connection")
        mended = self.of(file).mended
        return unpacked(file, file) if mended is None else _Again(mended)

    def _looked(self, file: str, key: tuple[int, ...]) -> Look:
        look = Look(key)
        try:
            fd = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
            try:
                short = not is_packed(file) and not _has_long_line(fd, key[2], SHORT_LINE)
                long = not short and _has_long_line(fd, key[2], LONGEST_LINE)
                as_it_is = not long and is_read_as_it_is(file, fd)
            finally:
                os.close(fd)
            look.is_short = short and as_it_is
            if not as_it_is:
                self._mend(file, file, look)
        except OSError as error:
            look.reason = error.strerror or str(error)
        return look

    def _copied(self, file: str, key: tuple[int, ...]) -> Look:
        return self._fetched(file, key, _copy_of(file))

    def _fetched(self, file: str, key: tuple[int, ...], fetch: Fetch) -> Look:
        look, reason = Look(key), None
        try:
            with tempfile.NamedTemporaryFile(prefix="ampmetrics-") as copy:
                try:
                    fetch(copy)
                except OSError as error:
                    reason = error.strerror or str(error)
                copy.flush()
                self._mend(file, copy.name, look)
        except OSError as error:
            look.reason = error.strerror or str(error)
        look.reason = reason or look.reason
        return look

    def _mend(self, name: str, path: str, look: Look) -> None:
        if self._spool is None or self._spool.file.seek(0, io.SEEK_END) > _ENOUGH:
            self._spool = _Spool()
        spool = self._spool
        start = spool.file.seek(0, io.SEEK_END)
        try:
            mend(name, path, spool.file, look)
            spool.file.flush()
        except OSError:
            self._spool = None
            raise
        look.mended = _Mended(spool, start, spool.file.tell() - start)


class _Again(io.RawIOBase):
    """A view of its own on a part of a temporary file, which several readers share."""

    def __init__(self, mended: _Mended) -> None:
        self._mended = mended
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def __iter__(self) -> Iterator[bytes]:
        # A raw file would look for the end of a line byte by byte.
        return io.BufferedReader(self)

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        end = self._mended.size
        self._at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: end}[whence]
        return self._at

    def read(self, size: int = -1) -> bytes:
        left = max(0, self._mended.size - self._at)
        wanted = min(size, left) if size >= 0 else left
        fd = self._mended.spool.file.fileno()
        found = os.pread(fd, wanted, self._mended.start + self._at)
        self._at += len(found)
        return found

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        found = self.read(len(buffer))
        buffer[: len(found)] = found
        return len(found)


def _has_long_line(fd: int, size: int, longest: int) -> bool:
    """True where a line is longer than that: each such covers one of these points."""
    return size > longest and any(
        _line_around(fd, point, size, longest) > longest
        for point in range(longest // 2, size, longest // 2)
    )


def _line_around(fd: int, point: int, size: int, longest: int) -> int:
    step = 1 << 16
    start = end = point
    while start > 0 and point - start <= longest:
        block = os.pread(fd, min(step, start), max(0, start - step))
        if (cut := block.rfind(b"\n")) >= 0:
            start -= len(block) - cut - 1
            break
        start -= len(block)
    while end < size and end - start <= longest:
        block = os.pread(fd, step, end)
        if not block or (cut := block.find(b"\n")) >= 0:
            end += cut if block else 0
            break
        end += len(block)
    return end - start
