"""Where the cache is: the user's folder, in it an entry a set of paths; what there is, and away."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import duckdb
import msgspec
from platformdirs import user_cache_path

from ampmetrics.tables.cache.build import expressions
from ampmetrics.tables.cache.entry import LOG, Entry, in_use, peek, removed
from ampmetrics.tables.cache.kept import Kept
from ampmetrics.tables.files import name_as_text

if TYPE_CHECKING:
    from ampmetrics.tables.source import Source

__all__ = ["Cached", "cache_folder", "cached", "clear", "opened"]

_ENTRY = re.compile(r"[0-9a-f]{32}")
_FORMAT = 1
"""Of the manifest and of the parts, as far as the SQL does not tell it."""
_LONG = timedelta(days=30)
_MANY_BYTES = 256 * 1000 * 1000
_MANY_FILES = 500


class Cached(NamedTuple):
    """One entry of the cache."""

    folder: Path
    paths: list[str]
    """What was connected; empty where the entry tells nothing."""
    files: int
    size_bytes: int
    used_at: datetime
    in_use: bool
    valid: bool
    """False: it is damaged, not finished or of another version, so it is not read."""


def cache_folder() -> Path:
    """The user's cache folder for event files, or $AMPMETRICS_CACHE."""
    given = os.environ.get("AMPMETRICS_CACHE")
    return Path(given) if given else user_cache_path("ampmetrics", appauthor=False) / "tables"


def opened(
    paths: list[str],
    files: list[str],
    source: Source,
    cache: bool | str | Path | None,
    *,
    many: bool,
) -> Kept | None:
    """The cache of a connection; null where there is to be none, or it cannot be had."""
    if cache is False or (cache is None and not _pays(files)):
        return None
    folder = cache_folder() if cache in (None, True) else Path(str(cache))
    layout = _layout(many=many)
    absolute = [path if "://" in path else os.path.abspath(path) for path in paths]  # noqa: PTH100
    # The names of the files that the rows hold follow from the paths as they were given.
    given = [[os.fsencode(name).hex() for name in names] for names in (paths, absolute)]
    key = msgspec.json.encode([sorted(zip(*given, strict=True)), layout])
    name = hashlib.blake2b(key, digest_size=16).hexdigest()
    is_new = not (folder / name).exists()
    try:
        shown = {name_as_text(path) for path in absolute}
        entry = Entry(folder / name, sorted(shown), layout)
    except OSError as error:
        LOG.warning("the files are read without a cache: %s", error)
        return None
    if is_new:
        _forget(folder)
    return Kept(entry, files, source, many=many, eager=cache is not None)


def _pays(files: list[str]) -> bool:
    if len(files) >= _MANY_FILES:
        return True
    sizes = (os.path.getsize(file) for file in files if os.path.isfile(file))  # noqa: PTH113, PTH202
    return sum(sizes) >= _MANY_BYTES


def _forget(folder: Path) -> None:
    """Delete what was not used for long: nobody clears what nobody sees."""
    for each in cached(folder):
        if not each.in_use and each.used_at < datetime.now(UTC) - _LONG:
            with suppress(OSError):
                removed(each.folder)


def _layout(*, many: bool) -> str:
    """Changes with all that the content of a part depends on."""
    text = f"{_FORMAT} {duckdb.__version__} {expressions(many=many)}"
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def cached(folder: Path | None = None) -> list[Cached]:
    """Entries of a cache folder, the one that was used last first."""
    found = [_described(each) for each in _entries(folder or cache_folder())]
    return sorted(found, key=lambda each: each.used_at, reverse=True)


def _entries(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (each for each in folder.iterdir() if _ENTRY.fullmatch(each.name))


def _described(folder: Path) -> Cached:
    manifest = peek(folder)
    sizes = [each.stat().st_size for each in folder.iterdir() if each.is_file()]
    used = folder / "used"
    return Cached(
        folder,
        manifest.paths if manifest else [],
        len(manifest.files) if manifest else 0,
        sum(sizes),
        datetime.fromtimestamp((used if used.exists() else folder).stat().st_mtime, UTC),
        in_use(folder),
        manifest is not None and manifest.layout in (_layout(many=False), _layout(many=True)),
    )


def clear(entries: list[Cached]) -> list[Cached]:
    """Delete entries; gives those that are in use, which stay. Raises OSError."""
    return [each for each in entries if not removed(each.folder)]
