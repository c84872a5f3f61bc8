"""The raw output that `bench` and `iterate` leave beside the events: which file holds what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ampmetrics.jsonl import trial_name

__all__ = ["LogFile", "log_files"]

_WHAT = {"success": "success command", "setup": "setup command", "error": "fault of ampmetrics",
         "stderr": "agent, stderr", "stdout": "agent, stdout"}  # fmt: skip
_NAME = re.compile(r"(?P<again>\+\d+)?(?:\.(?P<prompt>\d+))?\.(?P<what>[a-z]+)\.log")


class LogFile(NamedTuple):
    """One log file; `what` is one of success, setup, error, stderr, stdout."""

    what: str
    prompt: int
    path: Path

    @property
    def title(self) -> str:
        """What it is, in words."""
        return _WHAT[self.what] + (f", prompt {self.prompt}" if self.prompt > 1 else "")


def log_files(row: Mapping[str, Any]) -> list[LogFile]:
    """Those of a trial's last attempt or of a session, the success command's first.

    `row`: file, case_id, variant and trial; of a session of `iterate` file and session_id, the name
    of its folder. Names come from events, which anybody may have written: nothing outside of the
    folder `logs` beside the event file is read.
    """
    stem = None if row["file"] is None else _stem(row)
    if stem is None:
        return []
    found: dict[int, list[LogFile]] = {}
    try:
        folder = Path(row["file"]).parent / "logs"
        if folder.is_symlink():
            return []
        paths = [path for path in folder.iterdir() if path.name.startswith(stem)]
    except (OSError, ValueError):
        return []
    for path in paths:
        told = _NAME.fullmatch(f"{'' if stem else '.'}{path.name.removeprefix(stem)}")
        if told and told["what"] in _WHAT and path.is_file() and not path.is_symlink():
            attempt = int((told["again"] or "+1")[1:])
            each = LogFile(told["what"], int(told["prompt"] or 1), path)
            found.setdefault(attempt, []).append(each)
    last = found[max(found)] if found else []
    return sorted(last, key=lambda each: (list(_WHAT).index(each.what), -each.prompt))


def _stem(row: Mapping[str, Any]) -> str | None:
    """How the names begin; null where the row does not tell whose they are."""
    names = [row["case_id"], row["variant"], row["trial"]]
    if None not in names:
        return trial_name(*names)
    own = row.get("session_id")
    return "" if own is not None and Path(row["file"]).parent.name == own else None
