"""Which files are to be imported, and whose they are."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from ampmetrics.agents.files import opened
from ampmetrics.errors import BadInputError
from ampmetrics.importers.contract import Source
from ampmetrics.importers.registry import SOURCES

__all__ = ["find", "places"]

_HEAD = 1 << 14


def places(sources: Iterable[Source]) -> dict[Source, list[Path]]:
    """Where each of these tools keeps its files on this machine; none where nothing is there."""
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - there may be no home
    return {
        source: [path for path in source.places(home, os.environ) if path.exists()]
        for source in sources
    }


Tell = Callable[[str], None]


def find(
    paths: Sequence[Path], source: Source | None, tell: Tell = lambda _: None
) -> dict[Source, list[Path]]:
    """Files by the source that knows them, each once, sorted; in a folder also those within.

    With `source` only its own. `tell` is told of files and folders that are closed to us. Raises
    BadInputError where a path is not there, or a file or folder holds nothing that can be imported.
    """
    asked = [source] if source else list(SOURCES.values())
    found: dict[Source, set[Path]] = {each: set() for each in asked}
    for path in paths:
        known = [
            (each, file) for file in _files(path, tell) for each in _whose(file, path, asked, tell)
        ]
        if not known:
            raise BadInputError(_nothing(path, source))
        for each, file in known:
            found[each].add(file)
    return {each: sorted(files) for each, files in found.items() if files}


def _files(path: Path, tell: Tell) -> Iterator[Path]:
    """The files of a path, by their real names."""
    if path.is_dir():
        for folder, _, names in os.walk(path, onerror=lambda error: _closed(error, tell)):
            yield from (Path(os.path.realpath(Path(folder, name))) for name in sorted(names))
    elif path.exists():
        yield path.resolve()
    else:
        raise BadInputError(f"{path}: no such file or folder")


def _whose(file: Path, given: Path, asked: list[Source], tell: Tell) -> Iterator[Source]:
    """The first source that knows a file; of one that was named its ending does not matter."""
    named = not given.is_dir()
    likely = [each for each in asked if named or file.name.endswith(each.endings)]
    head = _head(file, tell) if likely else b""
    yield from [each for each in likely if head and each.knows(file, head)][:1]


def _head(file: Path, tell: Tell) -> bytes:
    try:
        with opened(file) as content:
            return content.read(_HEAD)
    except OSError as error:
        _closed(error, tell)
        return b""


def _closed(error: OSError, tell: Tell) -> None:
    """What is no file, or is gone meanwhile, is none of ours."""
    if error.errno in (errno.EACCES, errno.EPERM, errno.EIO):
        tell(f"cannot be read: {error.filename}: {error.strerror}")


def _nothing(path: Path, source: Source | None) -> str:
    whose = source.tool if source else "any known tool"
    if path.is_dir():
        return f"{path}: no file of {whose} in this folder"
    others = [
        each.name for each in SOURCES.values() if list(_whose(path, path, [each], lambda _: None))
    ]
    if others:
        return f"{path}: no file of {whose}; it looks like {', '.join(others)}"
    return f"{path}: no file of {whose}; the sources are {', '.join(SOURCES)}"
