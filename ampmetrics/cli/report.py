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
    from ampmetrics.reports import build_report

    written = build_report(paths, output)
    click.echo(f"Report: {written}")
