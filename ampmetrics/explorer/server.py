"""The server's own process: it ends when who started it is gone, however that went.

`python -m ampmetrics.explorer.server FOLDER`, with a pipe as its standard input that nobody writes
to. Who started it removes the folder; where that one was killed, it goes with the server.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading

__all__ = ["main"]


def main() -> None:
    """Run a Jupyter server until a signal, or the end of standard input."""
    from jupyter_server.serverapp import main as serve

    folder = sys.argv.pop(1)
    alone = threading.Event()
    threading.Thread(target=_end_with_starter, args=[alone], daemon=True).start()
    serve()
    if alone.is_set():
        shutil.rmtree(folder, ignore_errors=True)


def _end_with_starter(alone: threading.Event) -> None:
    # Not sys.stdin: at the end of the process nobody may be reading from that.
    os.read(0, 1)
    alone.set()
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
