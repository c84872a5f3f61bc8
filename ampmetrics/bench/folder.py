"""The output folder of a run: who may write there, and its files."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ampmetrics.errors import BadInputError, CannotRunError
from ampmetrics.jsonl import EventFile, event_files

__all__ = ["METRICS_ENDING", "event_file", "held", "locked", "make_logs"]

METRICS_ENDING = "-metrics.jsonl"
_PATIENCE_SEC = 1.0
"""A program that a killed run was just starting has its lock until it has begun."""


def held(folder: Path) -> list[Path]:
    """Event files that lie there already, also deeper down: whoever reads it counts them in."""
    try:
        return event_files(folder) if folder.is_dir() else []
    except BadInputError:
        return []


def make_logs(folder: Path) -> Path:
    """Make the folder and the one for raw output in it; raises CannotRunError."""
    logs = folder / "logs"
    try:
        logs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(f"{folder}: cannot write there: {error.strerror}") from error
    return logs


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Keep every other run out of the folder; nothing is left behind, however this one ends.

    False where the file system cannot lock a folder. Raises BadInputError where another run is at
    work there.
    """
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield _lock(lock, folder)
    finally:
        os.close(lock)


def _lock(lock: int, folder: Path) -> bool:
    deadline = time.monotonic() + _PATIENCE_SEC
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                return False
            if time.monotonic() > deadline:
                raise BadInputError(
                    f"{folder}: another run is at work there: wait for its end, or name another "
                    "folder with --output-dir"
                ) from error
            time.sleep(0.02)
        else:
            return True


def event_file(folder: Path, name: str) -> EventFile:
    """An event file there, open for appending; raises CannotRunError."""
    try:
        return EventFile(folder / name)
    except OSError as error:
        raise CannotRunError(f"{folder / name}: cannot write there: {error.strerror}") from error
