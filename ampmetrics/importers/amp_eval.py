"""amp-eval: its result files, in the seven forms that its programs write or read.

They differ by their keys. What it makes up where it knows nothing is null, and counted: tokens from
the length of texts, 0 tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import ClassVar

from ampmetrics.agents.reading import decode, shallow
from ampmetrics.events import Event
from ampmetrics.importers.amp_eval_forms import MARKS, run_of
from ampmetrics.importers.contract import Found, Reading, Source
from ampmetrics.importers.documents import elements, members
from ampmetrics.importers.own import Own, own_events, own_part
from ampmetrics.importers.trials import Run
from ampmetrics.importers.turns import as_text
from ampmetrics.importers.values import modified

__all__ = ["AmpEval"]

_LARGEST_TO_KNOW = 64 << 20


class AmpEval(Source):
    """amp-eval's results."""

    name: ClassVar[str] = "amp-eval"
    tool: ClassVar[str] = "amp-eval"
    endings: ClassVar[tuple[str, ...]] = (".json",)

    def places(self, home: Path, env: Mapping[str, str]) -> list[Path]:  # noqa: ARG002
        """None: results stand in the folder of whoever ran it."""
        return []

    def knows(self, path: Path, head: bytes) -> bool:
        """A document of one of its forms."""
        if not any(all(mark in head for mark in marks) for marks in MARKS):
            return False
        return (
            path.stat().st_size <= _LARGEST_TO_KNOW
            and (_ours(path) or _run(path, Reading())) is not None
        )

    def sessions(self, files: Sequence[Path], reading: Reading) -> Iterator[Found]:
        """One a file, which is a run with its trials; of files with the same content the first."""
        for path in files:
            found = _ours(path) or _found(path, reading)
            if found is not None and reading.is_first("amp-eval", found.id):
                yield found
            elif found is not None:
                reading.leave_out("copies of result files")


def _ours(path: Path) -> Found | None:
    """Of a file that we exported the events that it was made of; null: another wrote it."""
    content = Reading().whole(path) or b""
    if not _own(content):
        return None

    def events(reading: Reading) -> Iterator[Event]:
        found = [Own(n, path, *each) for n, each in enumerate(_own(reading.whole(path) or b""))]
        reading.lines_read += len(found)
        return own_events(found, reading)

    id_ = _id(path, content)
    return Found(id=id_, files=(path,), cwd=None, events=events, family=id_)


def _own(content: bytes) -> list[tuple[int, bytes]]:
    """Our events and their lines."""
    try:
        return list(elements(content, own_part(members(content))["events"]))
    except (KeyError, ValueError):
        return []


def _id(path: Path, content: bytes) -> str:
    return f"{as_text(Path(path.stem))}-{sha256(content).hexdigest()[:8]}"


def _found(path: Path, reading: Reading) -> Found | None:
    run = _run(path, reading)
    return None if run is None else run.found()


def _run(path: Path, reading: Reading) -> Run | None:
    """The run of a file; null, and told as unreadable, where it is of none of the forms."""
    content = reading.whole(path)
    if content is None:
        return None
    try:
        value = shallow(decode(content))
        run = run_of(value, _id(path, content), path, content, modified(path), reading)
    except ValueError as error:
        reading.cannot_read(path, None, str(error))
        return None
    if run is None:
        reading.cannot_read(path, None, "of none of amp-eval's forms")
    return run
