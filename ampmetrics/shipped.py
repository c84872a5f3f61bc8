"""Files that come with ampmetrics: in a wheel beside the package, in a checkout at its top."""

from pathlib import Path

__all__ = ["shipped"]

_IN_CHECKOUT = {"samples": "data/samples", "notebooks": "notebooks"}


def shipped(name: str) -> Path:
    """The folder `samples` or `notebooks`."""
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / _IN_CHECKOUT[name]
