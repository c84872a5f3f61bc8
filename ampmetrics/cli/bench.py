"""`ampmetrics bench`: the options, the console of the spec, the summary file."""

from __future__ import annotations

import asyncio
import json
import math
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from pathlib import Path
from typing import Any

import click

from ampmetrics.agents import adapter
from ampmetrics.bench import Options, Result, Run, Suite, Trial, bench, load_suite, plan
from ampmetrics.cli.printable import printable
from ampmetrics.events import Outcome

__all__ = ["command"]

SUMMARY_FILE = "benchmark-summary.json"


def _finite(_: click.Context, __: click.Parameter, seconds: float | None) -> float | None:
    if seconds is not None and math.isnan(seconds):
        raise click.BadParameter("nan is no number of seconds")
    return seconds


@click.command(name="bench")
@click.argument("suite", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output-dir",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("benchmark-results"),
    show_default=True,
    help="Folder for the results.",
)
@click.option(
    "-j",
    "--concurrent",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Trials that run at once.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(0, 7 * 24 * 3600, min_open=True),
    callback=_finite,
    metavar="SECONDS",
    help="No agent has longer than this; a case's own shorter timeoutSec stays. "
    "Without it and without timeoutSec: 1800.",
)
@click.option(
    "-k",
    "--repeats",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Trials of each case and variant.",
)
@click.option(
    "--agent",
    default="amp",
    show_default=True,
    help="amp, claude, codex, gemini, opencode or pi; sample replays recordings.",
)
@click.option(
    "-m",
    "--model",
    "models",
    multiple=True,
    metavar="MODEL",
    help="Model to ask for (with Amp its mode); each one given is a variant.",
)
@click.option(
    "--case", "cases", multiple=True, metavar="ID", help="Run only this case; repeatable."
)
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON and nothing else.")
@click.option("--dry-run", is_flag=True, help="Say what would run, and run nothing.")
def command(
    suite: Path, output_dir: Path, concurrent: int, timeout: float | None, repeats: int,
    agent: str, models: tuple[str, ...], cases: tuple[str, ...], as_json: bool, dry_run: bool,
) -> int:  # fmt: skip
    """Run a benchmark SUITE (YAML or JSON) and capture every event as JSONL.

    Every case runs once for each --model and repeat, in a checkout of its own. Results go to
    --output-dir: <case>-metrics.jsonl, benchmark-summary.json and logs/.
    """
    options = Options(
        output_dir=output_dir,
        adapter=adapter(agent),
        models=tuple(dict.fromkeys(models)),
        repeats=repeats,
        concurrent=concurrent,
        timeout_sec=timeout,
        case_ids=tuple(dict.fromkeys(cases)),
    )
    loaded = load_suite(suite)
    trials = plan(loaded, options)
    say = _speaker(to_stderr=as_json)
    _announce(loaded, trials, options, say)
    if dry_run:
        _print_plan(trials, say)
        return 0
    run = _run(loaded, options, trials, say)
    document = _write_summary(output_dir)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        _print_summary(document, run, say)
    return 130 if run.cancelled else 0


def _speaker(*, to_stderr: bool) -> Callable[[str], None]:
    def say(line: str) -> None:
        # Whoever read it may have had enough (`| head`): the run goes on.
        with suppress(BrokenPipeError):
            click.echo(line, err=to_stderr)

    return say


def _announce(
    suite: Suite, trials: list[Trial], options: Options, say: Callable[[str], None]
) -> None:
    cases = len({trial.case.id for trial in trials})
    say(f"Loaded {len(suite.cases)} benchmark cases from {suite.path}")
    if options.adapter.is_sample:
        say("Agent: recorded sample agent, not a model")
    many = f" as {len(trials)} trials" if len(trials) != cases else ""
    say(f"\nExecuting {cases} benchmark cases{many} ({options.concurrent} concurrent)...")


def _print_plan(trials: list[Trial], say: Callable[[str], None]) -> None:
    say("\nDry run - would execute:")
    for trial in trials:
        what = trial.case.description or trial.case.prompt[:100]
        say(f"  {_label(trial, trials)}: {printable(what)}...")


def _label(trial: Trial, trials: list[Trial]) -> str:
    parts = [trial.variant] if len({t.variant for t in trials}) > 1 else []
    parts += [f"#{trial.number}"] if len({t.number for t in trials}) > 1 else []
    return f"{trial.case.id} [{' '.join(parts)}]" if parts else trial.case.id


def _line(result: Result, label: str) -> str:
    spent = f"({result.duration_ms:.0f}ms)"
    match result.outcome:
        case Outcome.PASSED:
            return f"✓ {label}: PASS {spent}"
        case Outcome.FAILED:
            return f"✗ {label}: FAIL {spent}"
        case Outcome.NO_VERDICT:
            return f"? {label}: NO VERDICT {spent}"
        case Outcome.TIMEOUT:
            return f"✗ {label}: TIMEOUT {spent}"
    reason = printable((result.reason or "unknown").splitlines()[0][:160])
    return f"✗ {label}: ERROR - {reason}"


def _run(suite: Suite, options: Options, trials: list[Trial], say: Callable[[str], None]) -> Run:
    with _progress(len(trials)) as advance:

        def on_result(result: Result) -> None:
            say(_line(result, _label(result.trial, trials)))
            advance()

        return asyncio.run(bench(suite, options, on_result))


def _progress(total: int) -> AbstractContextManager[Callable[[], None]]:
    """A bar on stderr where that is a terminal; where it is not, the lines say enough."""
    # A notebook's `!` is a terminal to its command, but one that cannot redraw a line.
    if not sys.stderr.isatty() or "JPY_PARENT_PID" in os.environ:
        return nullcontext(lambda: None)
    return _bar(total)


def _bar(total: int) -> AbstractContextManager[Callable[[], None]]:
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import Progress

    @contextmanager
    def shown() -> Any:
        # Lines printed meanwhile have to go above the bar, where both share a terminal.
        bar = Progress(
            console=Console(stderr=True), transient=True, redirect_stdout=sys.stdout.isatty()
        )
        with bar:
            task = bar.add_task("trials", total=total)
            yield lambda: bar.advance(task)

    return shown()


def _write_summary(folder: Path) -> dict[str, Any]:
    from ampmetrics.aggregates import benchmark_summary
    from ampmetrics.tables import connect

    with closing(connect(folder)) as con:
        document = benchmark_summary(con)
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    (folder / SUMMARY_FILE).write_text(text, encoding="utf-8")
    return document


def _print_summary(document: dict[str, Any], run: Run, say: Callable[[str], None]) -> None:
    say("\n=== Benchmark Summary ===")
    for line in summary_lines(document):
        say(line)
    if run.cancelled:
        say(f"Interrupted: {document['total']} of {run.planned} trials were begun")
    say(f"\nResults saved to: {run.options.output_dir}")


def summary_lines(document: dict[str, Any]) -> list[str]:
    """The block of the spec; what is not known is said beside what is."""
    unknown = document["unknown"]
    lines = [
        f"Total: {document['total']}",
        f"Passed: {document['passed']}",
        f"Failed: {document['failed']}{_kinds(document['outcomes'])}",
    ]
    if rest := document["total"] - document["passed"] - document["failed"]:
        lines.append(f"Without a verdict: {rest}")
    lines.append(f"Success Rate: {_percent(document['successRate'])}")
    if document["passRate"] != document["successRate"]:
        rate = _percent(document["passRate"])
        lines.append(f"Pass Rate: {rate}" + " of those with a verdict" * (rate != "unknown"))
    lines += [
        f"Avg Duration: {_number(document['avgDuration'], '{:.0f}ms')}",
        "Total Tokens: " + _sum(document["totalTokens"], "{}", _left_out(unknown, "Tokens")),
        "Total Cost: " + _sum(document["totalCost"], "${:.4f}", _left_out(unknown, "Price")),
    ]
    for name, label in (
        ("trialsWithoutEnd", "Trials without an End"),
        ("trialsReadTwice", "Trials Read Twice"),
        ("unreadableLines", "Unreadable Lines"),
        ("wrongValues", "Values of the Wrong Type"),
    ):
        if unknown[name]:
            lines.append(f"{label}: {unknown[name]}")
    return lines


def _left_out(unknown: dict[str, int], what: str) -> str:
    """What a sum does not hold, in words."""
    counts = (
        (unknown["trialsWithoutTokens"], "trial", "without usage"),
        (unknown[f"requestsWithout{what}"], "request", f"without {what.lower()}"),
    )
    return ", ".join(f"{n} {noun}{'s' * (n != 1)} {lack}" for n, noun, lack in counts if n)


def _kinds(outcomes: dict[str, int]) -> str:
    counts = [
        f"{outcomes[kind]} {kind.replace('_', ' ')}"
        for kind in (Outcome.FAILED, Outcome.TIMEOUT, Outcome.AGENT_ERROR)
        if outcomes[kind]
    ]
    if not counts or (len(counts) == 1 and outcomes[Outcome.FAILED]):
        return ""
    return f" ({', '.join(counts)})"


def _percent(rate: float | None) -> str:
    return "unknown" if rate is None else f"{rate * 100:.1f}%"


def _number(value: float | None, form: str) -> str:
    return "unknown" if value is None else form.format(value)


def _sum(value: float | None, form: str, left_out: str) -> str:
    """A sum over what is known is the least that it can be."""
    if not left_out:
        return _number(value, form)
    least = "at least, " if value is not None else ""
    return f"{_number(value, form)} ({least}{left_out})"
