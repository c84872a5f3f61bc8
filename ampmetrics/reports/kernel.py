"""The kernel of a report: this very Python, in a process that begins to load at once.

It loads while this process reads the notebook and loads papermill, which takes as long.
Nothing is written but in a temporary folder: no history, profile or connection file of the user's.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, NamedTuple, cast

__all__ = ["Kernel", "kernel"]

_LOG = "kernel.log"


class Kernel(NamedTuple):
    """A process that waits for its command line, and the folder of all that it writes."""

    process: subprocess.Popen[str]
    command_line: IO[str]
    folder: Path

    def begin(self, arguments: list[str]) -> None:
        """Let it be a kernel with these arguments of ipykernel's."""
        # One that died is told by who waits for its answer.
        with suppress(BrokenPipeError), self.command_line as line:
            line.write(json.dumps(arguments) + "\n")


@contextmanager
def kernel(modules: Iterable[str] = ()) -> Iterator[Kernel]:
    """A kernel's process that loads these modules; at the end it is gone, and its folder too."""
    with tempfile.TemporaryDirectory(prefix="ampmetrics-") as folder:
        # What the kernel itself prints, such as that it was stopped, is no user's business.
        with (Path(folder) / _LOG).open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("preloaded.py")), *modules],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=_environment(Path(folder)),
                encoding="utf-8",
                # Ctrl-C is for this process, which then ends that one.
                start_new_session=True,
            )
        with process:
            try:
                yield Kernel(process, cast(IO[str], process.stdin), Path(folder))
            finally:
                process.kill()


def _environment(folder: Path) -> dict[str, str]:
    environment = dict(os.environ)
    environment |= {
        "IPYTHONDIR": str(folder / "ipython"),
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # A kernel whose parent is gone ends itself.
        "JPY_PARENT_PID": str(os.getpid()),
    }
    # A checkout that is on sys.path but not installed has to be importable in the kernel too.
    home = Path(__file__).resolve().parents[2]
    if home.name not in ("site-packages", "dist-packages"):
        known = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join([str(home), *([known] if known else [])])
    return environment
