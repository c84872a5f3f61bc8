"""Result files that amp-eval's own scripts, metrics store and notebook read.

Its readers know no null: a missing number is 0 to some of them, a null breaks others. So what is
not known is left out, and `ampmetrics.unknown` names it. The events that the results were made of
stand whole beside that, so that they come back with an import.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from ampmetrics.aggregates import trials
from ampmetrics.errors import BadInputError
from ampmetrics.exporters.names import Names
from ampmetrics.exporters.strict import is_deep, strict
from ampmetrics.exporters.written import Written, number
from ampmetrics.tables import rows
from ampmetrics.tables.whole import whole_lines

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

__all__ = ["amp_eval"]

_KEY = ("run_id", "case_id", "variant", "trial", "file")
_Trial = dict[str, Any]
_DEEPEST = 90
"""An import reads the file as a whole."""
_NO_EVENTS = '"events": []'


def amp_eval(con: DuckDBPyConnection, folder: Path) -> Written:
    """A folder with `<suite>--<variant>.json` for each suite and variant, over all their runs.

    Raises BadInputError where there is no trial.
    """
    groups = _groups(con)
    if not groups:
        raise BadInputError(
            "there are no trials: amp-eval's files are results of a benchmark (ampmetrics bench)"
        )
    folder.mkdir()
    names, left_out, count, unjudged = Names(".json"), [], 0, 0
    of_events = _OfEvents()
    for (suite, variant), found in groups.items():
        judged = [trial for trial in found if trial["success"] is not None]
        unjudged += len(found) - len(judged)
        if not judged:
            left_out.append(f"{variant} in {suite}: not one of its trials has a verdict")
            continue
        name = names.of((suite, variant), f"{suite}--{variant}")
        document = _document(variant, found, judged)
        of_events.begin(folder / name, document, found)
        count += 1
        if unknown := document["ampmetrics"]["unknown"]:
            left_out.append(
                f"{', '.join(unknown)} of {variant} in {suite}: not wholly known (amp-eval reads a "
                "missing number as 0)"
            )
    if unjudged:
        left_out.append(f"{number(unjudged, 'trial')} without a verdict: told as errors, no tasks")
    if lost := of_events.add(con):
        left_out.append(f"{number(lost, 'event')} of no run that has a result, or nested too deep")
    return Written(number(count, "result"), tuple(left_out))


class _Ids(msgspec.Struct, rename="camel"):
    """What an event says of its trial."""

    run_id: Any = None
    case_id: Any = None
    variant: Any = None
    trial: Any = None


class _OfEvents:
    """The files, and which events belong into which: those of the trial, else of its run."""

    def __init__(self) -> None:
        self._of: dict[tuple[Any, ...], Path] = {}
        self._ends: dict[Path, str] = {}

    def begin(self, path: Path, document: dict[str, Any], found: list[_Trial]) -> None:
        """Write a file as far as its events."""
        text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
        begin, _, self._ends[path] = text.rpartition(_NO_EVENTS)
        path.write_text(f"{begin}{_NO_EVENTS[:-1]}", encoding="utf-8")
        for trial in found:
            key = tuple(trial[name] for name in _KEY)
            for part in (key, (key[0], key[2]), key[:1]):
                self._of.setdefault(part, path)

    def add(self, con: DuckDBPyConnection) -> int:
        """Write all events and the files' ends; how many events have no place."""
        lost, begun = 0, set()
        for lines in whole_lines(con):
            of_path: dict[Path, list[bytes]] = defaultdict(list)
            for file, _, text in lines:
                line = strict(text) if text is not None and not is_deep(text, _DEEPEST) else None
                path = None if line is None else self._path(line, file)
                if path is not None and line is not None:
                    of_path[path] += [b",\n" if path in begun else b"\n", line]
                    begun.add(path)
                lost += text is not None and path is None
            for path, parts in of_path.items():
                # Not kept open: there may be more of them than a process may have files.
                with path.open("ab") as opened:
                    opened.writelines(parts)
        for path, end in self._ends.items():
            with path.open("a", encoding="utf-8") as opened_text:
                opened_text.write(f"]{end}")
        return lost

    def _path(self, line: bytes, file: str) -> Path | None:
        ids = msgspec.json.decode(line, type=_Ids)
        try:
            key = (ids.run_id, ids.case_id, ids.variant, ids.trial, file)
            return self._of.get(key) or self._of.get((key[0], key[2])) or self._of.get(key[:1])
        except TypeError:
            return None


def _groups(con: DuckDBPyConnection) -> dict[tuple[str, str], list[_Trial]]:
    suites = {row[:-1]: row[-1] for row in rows(con, "trials", [*_KEY, "suite"]).fetchall()}
    suites |= _suites_of_runs(con, [key for key, suite in suites.items() if not suite])
    groups: dict[tuple[str, str], list[_Trial]] = defaultdict(list)
    for trial in trials(con).iter_rows(named=True):
        suite = suites.get(tuple(trial[name] for name in _KEY)) or "no-suite"
        variant = trial["variant"] or trial["model"] or trial["agent"] or "unknown"
        groups[suite, variant].append(trial)
    return groups


def _suites_of_runs(
    con: DuckDBPyConnection, keys: Sequence[tuple[Any, ...]]
) -> dict[tuple[Any, ...], str]:
    """Suites of trials that do not tell theirs, as old ones: that of their run."""
    if not keys:
        return {}
    of_run = dict(rows(con, "runs", ["run_id", "suite"]).fetchall())
    return {key: of_run[key[0]] for key in keys if of_run.get(key[0])}


def _document(variant: str, found: list[_Trial], judged: list[_Trial]) -> dict[str, Any]:
    """One flat result and, in the same object, one for CI: what reads the one skips the other."""
    passed = sum(trial["success"] for trial in judged)
    names = _task_names(found)
    tokens, seconds, cost = _sum(judged, _tokens), _sum(judged, _seconds), _sum(judged, _cost)
    known = {
        "latency_s": None if seconds is None else seconds / len(judged),
        "tokens": None if tokens is None else round(tokens / len(judged)),
        "cost_usd": cost,
        "total_tokens": tokens,
        "execution_time_seconds": seconds,
    }
    others = [trial for trial in found if trial["outcome"] not in ("passed", "failed")]
    return {
        "model": variant,
        "success_rate": passed / len(judged),
        "total_tasks": len(judged),
        "successful_tasks": passed,
        **_known(known),
        "task_results": [_task(trial, names[id(trial)]) for trial in judged],
        "errors": [
            f"{names[id(trial)]}: {trial['outcome'] or 'never ended'}"
            + (f": {trial['reason']}" if trial["reason"] else "")
            for trial in others
        ],
        "ampmetrics": {
            "unknown": [name for name, value in known.items() if value is None],
            "trials_without_verdict": len(found) - len(judged),
            "agents": sorted({trial["agent"] for trial in found if trial["agent"]}),
            "models": sorted({trial["model"] for trial in found if trial["model"]}),
            "runs": sorted({trial["run_id"] for trial in found if trial["run_id"]}),
            "events": [],
        },
    }


def _task_names(found: list[_Trial]) -> dict[int, str]:
    """The case of each trial, with a number where it has several."""
    of_case: dict[str, list[_Trial]] = defaultdict(list)
    for trial in found:
        of_case[trial["case_id"] or "unknown"].append(trial)
    return {
        id(trial): f"{case}#{place}" if len(same) > 1 else case
        for case, same in of_case.items()
        for place, trial in enumerate(same, 1)
    }


def _task(trial: _Trial, name: str) -> dict[str, Any]:
    passed = trial["success"]
    tests = {"n_tests": trial["n_tests"], "n_tests_passed": trial["n_tests_passed"]}
    return {
        "task_id": name,
        "success": passed,
        **_known({"tokens_used": _tokens(trial), "execution_time": _seconds(trial)}),
        "grade": {
            "score": int(passed),
            "max_score": 1,
            "passed": passed,
            "feedback": trial["reason"] or trial["outcome"],
            "details": {"outcome": trial["outcome"], **_known(tests)},
        },
        "model_metrics": {
            **_known({"tokens_used": _tokens(trial), "latency_s": _seconds(trial)}),
            "success": passed,
        },
    }


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def _tokens(trial: _Trial) -> int | None:
    return None if trial["tokens_at_least"] else trial["total_tokens"]


def _cost(trial: _Trial) -> float | None:
    return None if trial["cost_at_least"] else trial["cost_usd"]


def _seconds(trial: _Trial) -> float | None:
    return None if trial["duration_ms"] is None else trial["duration_ms"] / 1000


def _sum(found: list[_Trial], value: Any) -> Any:
    """The sum over trials; null where one of them is not known."""
    values = [value(trial) for trial in found]
    return None if None in values else sum(values)
