"""A kernel that has loaded its modules before it is asked to begin; run as a program.

Its arguments are the modules; one line on its standard input, a list in JSON, is the kernel's
command line. Where the input ends without one, so does it. A chart and a frame that a cell shows
are shown as the page has them.
"""

import sys
from typing import Any

__all__ = ["chart", "main", "table"]


def main() -> None:
    """Load the modules, wait for the command line, be a kernel."""
    import contextlib
    import gc
    import importlib
    import json
    import os

    from ipykernel.kernelapp import IPKernelApp

    for module in sys.argv[1:]:
        # What cannot be loaded is told by the cell that wants it.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    # What is loaded stays: to look through it again and again, and at the end, took 0.5 s.
    gc.freeze()
    line = sys.stdin.readline()
    # ipykernel sees only that a parent goes, not that it is gone.
    if line and os.getppid() == int(os.environ["JPY_PARENT_PID"]):
        sys.argv[1:] = json.loads(line)
        app: Any = IPKernelApp.instance()
        app.initialize()
        formatter = app.shell.display_formatter.mimebundle_formatter
        # By their names, so that neither is loaded for it.
        formatter.for_type_by_name("altair.vegalite.v6.api", "TopLevelMixin", chart)
        formatter.for_type_by_name("polars.dataframe.frame", "DataFrame", table)
        app.start()


def chart(shown: Any) -> Any:
    """A chart as the page draws it, whatever renderer the notebook chose for Jupyter."""
    from ampmetrics.theme import enable_for_page

    enable_for_page()
    return shown._repr_mimebundle_()


def table(frame: Any) -> Any:
    """A frame as the page's own table: nothing cut, numbers with their units."""
    from ampmetrics import reports

    return reports.table(frame)._repr_mimebundle_()


if __name__ == "__main__":
    # This file's folder: its modules would hide others of the same name.
    if not sys.flags.safe_path:
        del sys.path[0]
    main()
