"""Reads what git says of the difference of two trees: which files, how many lines, which patch."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["Change", "Diff", "Diffs", "changes", "counts", "text"]

_DIFF_LIMIT = 20_000
_TYPE_CHANGED = "T"
# Within a diff every line begins with a blank, a sign or a backslash.
_MARK = b"\ndiff --git "


@dataclass(frozen=True, slots=True)
class Change:
    """One file that differs."""

    status: str
    """git's letter: A, D, M, R or T (a file became a link, …)"""
    path: str
    old_path: str | None


def changes(raw: str) -> Iterator[Change]:
    """From `--raw -z`: ":modes and ids STATUS" NUL path NUL, of a rename both paths."""
    parts = iter(raw.split("\0"))
    for part in parts:
        if not part.startswith(":"):
            continue
        status = part.rsplit(" ", 1)[1][0]
        path = next(parts)
        old = None
        if status == "R":
            old, path = path, next(parts)
        yield Change(status, path, old)


def counts(numstat: str) -> list[tuple[int | None, int | None]]:
    """Lines added and deleted, from `--numstat -z`: "added TAB deleted TAB path" NUL.

    Null for a binary file. Of a rename the path is empty and both paths follow.
    """
    found = []
    parts = iter(numstat.split("\0"))
    for part in parts:
        if not part:
            continue
        added, deleted, path = part.split("\t", 2)
        if not path:
            next(parts)
            next(parts)
        found.append((_number(added), _number(deleted)))
    return found


def text(output: bytes | bytearray) -> str:
    """Git's output; it does not promise an encoding."""
    return output.decode(errors="replace")


@dataclass(slots=True)
class Diff:
    """The beginning of one file's diff, and the size of the whole."""

    begin: bytearray = field(default_factory=bytearray)
    size: int = 0

    def extend(self, part: bytes) -> None:
        """Go on; what is beyond the limit only counts."""
        self.begin += part[: _DIFF_LIMIT - len(self.begin)]
        self.size += len(part)

    def join(self, other: Diff) -> None:
        """Go on with another diff."""
        self.extend(bytes(other.begin))
        self.size += other.size - len(other.begin)


class Diffs:
    """Cuts a patch of any size, as it comes, into one diff a file."""

    def __init__(self) -> None:
        self._found = [Diff()]
        self._rest = b"\n"

    def feed(self, chunk: bytes) -> None:
        """Go on with the patch."""
        before, *begun = (self._rest + chunk).split(_MARK)
        for part in begun:
            self._found[-1].extend(before + b"\n")
            self._found.append(Diff())
            before = _MARK[1:] + part
        # The last bytes may be the beginning of a mark.
        cut = max(0, len(before) - len(_MARK) + 1)
        self._found[-1].extend(before[:cut])
        self._rest = before[cut:]

    def end(self, changed: list[Change]) -> Iterator[Diff]:
        """One diff for each of these changes."""
        self._found[-1].extend(self._rest)
        found = iter(self._found[1:])
        for change in changed:
            diff = next(found)
            if change.status == _TYPE_CHANGED:
                # Git shows it as a deletion and a creation.
                diff.join(next(found))
            yield diff


def _number(count: str) -> int | None:
    return None if count == "-" else int(count)
