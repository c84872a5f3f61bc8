"""Where lines live: append an event as one whole line; list the event files of a path.

The only writer of event files.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from ampmetrics.errors import BadInputError
from ampmetrics.events import Event, encode

__all__ = ["EventFile", "event_files"]

ENDINGS = (".jsonl", ".ndjson")


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

    def append(self, event: Event) -> None:
        """Write one event; raises OSError where the line could not be written whole."""
        line = encode(event)
        if self._torn:
            line = b"\n" + line
        written = os.write(self._fd, line)
        self._torn = written != len(line)
        if self._torn:
            raise OSError(f"{self.path}: only {written} of {len(line)} bytes could be written")

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


def event_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Event files of a file, folder, glob or list of these, sorted, each once.

    A folder gives the `.jsonl` and `.ndjson` files at any depth below it. Raises BadInputError
    where a path leads to no event file.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found: dict[Path, Path] = {}
    for path in given:
        for file in _files_of(Path(path)):
            found.setdefault(file.resolve(), file)
    if not found:
        raise BadInputError("no path was given: name an event file or a folder of them")
    return sorted(found.values())


def _files_of(path: Path) -> list[Path]:
    if path.is_dir():
        files = [file for end in ENDINGS for file in path.rglob(f"*{end}") if file.is_file()]
        if not files:
            raise BadInputError(
                f"{path}: no event files in this folder; looked for *.jsonl and *.ndjson"
            )
        return files
    if path.exists():
        return [path]
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute one
    files = [Path(name) for name in names if Path(name).is_file()]
    if not files:
        raise BadInputError(f"{path}: no such file or folder, and no file matches it as a pattern")
    return files
