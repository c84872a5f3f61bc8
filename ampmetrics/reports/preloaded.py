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

    for module in sys.argv[1:]:
        # What is not there is told by the cell that wants it.
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    # What is loaded stays: to look through it again and again, and at the end, took 0.5 s.
    gc.freeze()
    if line := sys.stdin.readline():
        from ipykernel.kernelapp import launch_new_instance

        launch_new_instance(json.loads(line))


if __name__ == "__main__":
    # This file's folder: its modules would hide others of the same name.
    del sys.path[0]
    main()
