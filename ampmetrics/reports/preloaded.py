"""A kernel that has loaded its modules before it is asked to begin; run as a program.

Its arguments are the modules; one line on its standard input, a list in JSON, is the kernel's
command line. Where the input ends without one, so does it.
"""

import sys

__all__ = ["main"]


def main() -> None:
    """Load the modules, wait for the command line, be a kernel."""
    import contextlib
    import gc
    import importlib
    import json
    import os

    from ipykernel.kernelapp import launch_new_instance

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
        launch_new_instance()


if __name__ == "__main__":
    # This file's folder: its modules would hide others of the same name.
    if not sys.flags.safe_path:
        del sys.path[0]
    main()
