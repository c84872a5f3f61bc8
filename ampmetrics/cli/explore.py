"""`ampmetrics explore`: the explorer in the browser."""

from __future__ import annotations

import signal
import time
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ampmetrics.cli.say import say, say_result
from ampmetrics.errors import CannotRunError
from ampmetrics.jsonl import event_files

__all__ = ["command"]

_LOOK_SEC = 0.3


@click.command(name="explore")
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option("--no-browser", is_flag=True, help="Only print the address.")
def command(paths: tuple[str, ...], no_browser: bool) -> None:
    """Show the trials and sessions of PATHS in the browser, also while they run.

    PATHS are files, folders or globs. Needs Voilà or JupyterLab beside ampmetrics:
    pip install 'ampmetrics[explore]'. It goes on until Ctrl-C. Only a browser of this machine that
    knows the token of the printed address is let in.
    """
    given = [path if "://" in path else str(Path(path).absolute()) for path in paths]
    if local := [path for path in given if "://" not in path]:
        event_files(local)
    from ampmetrics.explorer.serve import served

    with _ending_as_if_interrupted():
        say("ampmetrics: starting the explorer")
        with served(given) as explorer:
            say_result(explorer.url)
            if not no_browser and not webbrowser.open(explorer.door.as_uri()):
                say("ampmetrics: no browser was found to open this address")
            say("ampmetrics: the explorer runs until Ctrl-C")
            while explorer.process.poll() is None:
                time.sleep(_LOOK_SEC)
        raise CannotRunError("the Jupyter server of the explorer was ended: start it again")


@contextmanager
def _ending_as_if_interrupted() -> Iterator[None]:
    """What ends us otherwise than Ctrl-C leaves no server behind either."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = {
        number: handler
        for number in numbers
        if (handler := signal.getsignal(number)) != signal.SIG_IGN
    }
    for number in before:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
