"""Appends an event as one whole line, and waits until it is on the disk."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType

from ampmetrics.events import Event, encode

__all__ = ["EventFile", "sync"]

_AT_ONCE = 16


class EventFile:
    """One event file, open for appending: an event is one write of one whole line.

    On a file whose last line was torn (its writer was killed) the first append begins a new line,
    so that the torn one stays what it was and no event is glued to it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._torn = False
        size = os.fstat(self._fd).st_size
        if size:
            self._torn = os.pread(self._fd, 1, size - 1) != b"\n"

    def append(self, event: Event, clean: Callable[[bytes], bytes] | None = None) -> None:
        """Write one event, its line as `clean` leaves it.

        Raises OSError where the line could not be written whole.
        """
        line = clean(encode(event)) if clean else encode(event)
        if self._torn:
            line = b"\n" + line
        while os.write(self._fd, line) != len(line):
            self._torn = True
            # Where there is no room to end what was cut off either, this says why.
            os.write(self._fd, b"\n")
        self._torn = False

    def sync(self) -> None:
        """Wait until what was appended is on the disk."""
        os.fsync(self._fd)

    def __enter__(self) -> EventFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._fd)


def sync(paths: Iterable[Path]) -> None:
    """Wait until these files and their names are on the disk; raises OSError."""
    from concurrent.futures import ThreadPoolExecutor

    written = list(paths)
    # At once: a disk takes as long for many as for one.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        list(pool.map(_sync, [*written, *{path.parent for path in written}]))


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)
