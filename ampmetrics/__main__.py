"""`python -m ampmetrics` is the command `ampmetrics`."""

from ampmetrics.cli import main

main()
