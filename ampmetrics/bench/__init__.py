"""A suite of cases → trials in a pool → event files."""

from ampmetrics.bench.run import Options, Run, bench, plan
from ampmetrics.bench.suite import Case, Suite, load_suite
from ampmetrics.bench.trial import Result, Trial

__all__ = ["Case", "Options", "Result", "Run", "Suite", "Trial", "bench", "load_suite", "plan"]
