"""What was measured as Markdown: tables of contenders and questions, and the targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from side_by_side.timing import Contender

__all__ = ["Target", "again", "at_least", "at_most", "compared", "contest", "targets", "views"]


class Target(NamedTuple):
    """A figure that is wanted and the one that was measured; `met` is null where there is none."""

    what: str
    wanted: str
    measured: str
    met: bool | None


def at_least(what: str, limit: float, measured: float | str) -> Target:
    """Times as fast; a text says why there is nothing."""
    met = None if isinstance(measured, str) else measured >= limit
    return Target(what, f"at least {limit:g} times", _figure(measured, ".2f"), met)


def at_most(what: str, limit: float, measured: float | str, unit: str = "times") -> Target:
    """Ratio, or a figure with its unit."""
    met = None if isinstance(measured, str) else measured <= limit
    form = {"times": ".2f", "%": ".1f"}.get(unit, ".0f")
    return Target(what, f"at most {limit:g} {unit}", _figure(measured, form), met)


def compared(peer: Contender, ours: Contender) -> float | str:
    """How many times as long a peer took as we did, or why that is not known."""
    missing = peer.missing or ours.missing
    return missing or peer.times(ours)


def contest(contenders: Sequence[Contender], same: dict[str, str]) -> Iterable[str]:
    """One row a contender, ratios to the first; `same`: what its answer is beside that one's."""
    yield "| | runs | wall s, best | median | CPU s | peak MiB | wall, ratio | CPU, ratio | answer |"
    yield "|---|---|---|---|---|---|---|---|---|"
    first = contenders[0]
    for each in contenders:
        if not each.runs:
            yield f"| {each.name} | {each.missing} | | | | | | | |"
            continue
        ratios = f"{each.times(first):.2f} | {each.times(first, 'cpu_s'):.2f}"
        yield (
            f"| {each.name} | {len(each.runs)} | {each.wall_s:.2f} | {each.median_s:.2f} | "
            f"{each.cpu_s:.2f} | {each.peak_mib:.0f} | {ratios} | {same[each.name]} |"
        )


def views(asked: dict[str, dict[str, Any]], what: dict[str, str], files: int) -> Iterable[str]:
    """One row a question: view and SQL by hand on one file, and the view on many files."""
    yield (
        "| view | question | view s | median | by hand s | median | ratio | CPU, ratio | "
        f"{files:,} files s | to one file | same answer |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|---|"
    for name, runs in asked.items():
        (view, median), (hand, hand_median) = _best(runs["view"]), _best(runs["by hand"])
        many, _ = _best(runs["files"])
        cpu, hand_cpu = (min(cpu for _, cpu in runs[way]) for way in ("view", "by hand"))
        yield (
            f"| {name} | {what[name]} | {view:.3f} | {median:.3f} | {hand:.3f} | {hand_median:.3f} "
            f"| {view / hand:.2f} | {cpu / hand_cpu:.2f} | {many:.3f} | {many / view:.2f} "
            f"| {'yes' if runs['same'] else 'NO'} |"
        )


def again(found: dict[str, Any]) -> Iterable[str]:
    """One row a view: its question directly and with the cache; then what the cache costs."""
    yield "| view | direct s | warm s | direct, ratio |"
    yield "|---|---|---|---|"
    for name, runs in found["views"].items():
        direct, warm = min(runs["direct"]), min(runs["warm"])
        yield f"| {name} | {direct:.3f} | {warm:.4f} | {direct / warm:.1f} |"
    yield ""
    read, whole, build, append = (min(found[e]) for e in ("read", "read all", "build", "append"))
    yield "| | s | ratio |"
    yield "|---|---|---|"
    yield f"| tool usage, read directly | {read:.3f} | {read / build:.2f} |"
    yield f"| all that the cache holds, read directly, view by view | {whole:.3f} | {whole / build:.2f} |"
    yield f"| tool usage, and the cache built with it | {build:.3f} | 1.00 |"
    yield f"| tool usage, and 1 % that came | {append:.3f} | {append / build:.3f} |"


def targets(found: Sequence[Target]) -> Iterable[str]:
    yield "| target | wanted | measured | |"
    yield "|---|---|---|---|"
    words = {True: "met", False: "**not met**", None: "not measured"}
    for each in found:
        yield f"| {each.what} | {each.wanted} | {each.measured} | {words[each.met]} |"


def _best(runs: Sequence[tuple[float, float]]) -> tuple[float, float]:
    walls = [wall for wall, _ in runs]
    return min(walls), statistics.median(walls)


def _figure(measured: float | str, form: str) -> str:
    return measured if isinstance(measured, str) else f"{measured:{form}}"
