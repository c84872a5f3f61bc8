"""`ampmetrics report`: notebook + event files → one HTML file."""

from __future__ import annotations

from pathlib import Path

import click

__all__ = ["command"]


@click.command(name="report")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    help="File to write.",
)
def command(paths: tuple[Path, ...], output: Path) -> None:
    """Write a report on the event files of PATHS: one HTML file that needs no network."""
    from ampmetrics.jsonl import event_files
    from ampmetrics.reports import build_report

    event_files(paths)
    written = build_report([str(path.absolute()) for path in paths], output)
    click.echo(f"Report: {written}")
