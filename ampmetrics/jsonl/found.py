"""Finds the event files of a path, and says how they are named."""

from __future__ import annotations

import glob
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from ampmetrics.errors import BadInputError

__all__ = [
    "ENDINGS",
    "RUN_FILE",
    "SESSION_FILE",
    "event_files",
    "names_of_event_files",
    "trial_name",
]

ENDINGS = tuple(kind + packed for packed in ("", ".gz", ".zst") for kind in (".jsonl", ".ndjson"))
RUN_FILE = "benchmark-run.jsonl"
"""Events of a run that are of no trial; what stands beside it in these folders are no events."""
SESSION_FILE = "session.json"
"""What is known of a session beside its events; so it is with these folders there too."""
_EVIDENCE = ("logs", "workspaces")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")


def trial_name(case_id: str, variant: str, trial: int) -> str:
    """What the files of a trial in `logs` and `workspaces` begin with: unique within a run."""
    safe = _UNSAFE.sub("_", variant)[:60]
    if safe != variant:
        safe += "-" + hashlib.sha256(variant.encode(errors="replace")).hexdigest()[:8]
    return f"{case_id}@{safe}@{trial}"


def event_files(paths: str | Path | Iterable[str | Path]) -> list[Path]:
    """Event files of a file, folder, glob or list of these, sorted, each once.

    A folder gives the `.jsonl` and `.ndjson` files at any depth below it, also compressed (`.gz`,
    `.zst`), but not those in the logs and workspaces of a run or session. Raises BadInputError
    where a path leads to no event file.
    """
    return list(map(Path, names_of_event_files(paths)))


def names_of_event_files(paths: str | Path | Iterable[str | Path]) -> list[str]:
    """The same as texts: there may be ten thousands of files."""
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    found: dict[str, str] = {}
    for path in given:
        for real, file in _files_of(Path(path)):
            found.setdefault(real, file)
    if not found:
        raise BadInputError("no path was given: name an event file or a folder of them")
    return sorted(found.values())


def _files_of(path: Path) -> Iterable[tuple[str, str]]:
    """Event files of a path, each with its real name before it."""
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return _matches(path)
    except (OSError, ValueError) as error:
        raise BadInputError(f"{path}: {getattr(error, 'strerror', error)}") from error
    if not is_folder:
        return [(os.path.realpath(path), str(path))]
    files = list(_files_below(path))
    if not files:
        raise BadInputError(
            f"{path}: no event files in this folder; looked for *.jsonl and *.ndjson, "
            "also with .gz or .zst"
        )
    return files


def _matches(path: Path) -> list[tuple[str, str]]:
    names = glob.glob(str(path), recursive=True)  # noqa: PTH207 - Path.glob takes no absolute one
    matched = [name for name in names if os.path.isfile(name)]  # noqa: PTH113
    if not matched:
        raise BadInputError(f"{path}: no such file or folder, and no file matches it as a pattern")
    return [(os.path.realpath(name), name) for name in matched]


def _files_below(folder: Path) -> Iterator[tuple[str, str]]:
    """Also the folders that cannot be listed: who reads them is told so."""
    left = [(str(folder), os.path.realpath(folder))]
    while left:
        name, real = left.pop()
        try:
            entries = list(os.scandir(name))
        except OSError as error:
            if name == str(folder):
                raise BadInputError(f"{folder}: {error.strerror}") from error
            yield real, name
            continue
        beside = not {RUN_FILE, SESSION_FILE}.isdisjoint(entry.name for entry in entries)
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                if not (beside and entry.name in _EVIDENCE):
                    left.append((entry.path, f"{real}{os.sep}{entry.name}"))
            elif entry.name.endswith(ENDINGS):
                if not entry.is_symlink():
                    if entry.is_file(follow_symlinks=False):
                        yield f"{real}{os.sep}{entry.name}", entry.path
                elif os.path.isfile(entry.path):  # noqa: PTH113
                    yield os.path.realpath(entry.path), entry.path
