"""The errors a user can cause and mend: each prints as one line and says what to do next."""

__all__ = ["AmpMetricsError", "BadInputError", "CannotRunError", "ReportFailedError"]


class AmpMetricsError(Exception):
    """Anything ampmetrics itself refuses; anything else is a bug and keeps its traceback."""

    exit_code = 2


class BadInputError(AmpMetricsError):
    """A path, file, option or value that was given and cannot be used."""


class CannotRunError(AmpMetricsError):
    """Something outside that is needed: an agent's program, git, a writable folder."""


class ReportFailedError(AmpMetricsError):
    """A cell of a notebook raised; the report so far is written and says so."""

    exit_code = 1
