"""Which notebook is meant, and whether the parameters given fit it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ampmetrics.errors import BadInputError
from ampmetrics.shipped import shipped

__all__ = ["check_parameters", "find_notebook", "read_notebook"]

_PLAIN = (str, int, float, bool, type(None))
_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (int, float),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}


def find_notebook(name: str | Path) -> Path:
    """Path of a notebook file, or of one that comes with ampmetrics; raises BadInputError."""
    path = Path(name)
    if path.suffix == ".ipynb":
        if path.is_file():
            return path
        raise BadInputError(f"{path}: no such notebook")
    own = shipped("notebooks")
    if (found := own / f"{name}.ipynb").is_file():
        return found
    choices = ", ".join(sorted(file.stem for file in own.glob("*.ipynb"))) or "none"
    raise BadInputError(f"no notebook {str(name)!r}: choose from {choices}, or name an .ipynb file")


def read_notebook(path: Path) -> Any:
    """The notebook, ready to run in this Python; raises BadInputError where it is none."""
    import nbformat

    try:
        notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]
    except Exception as error:
        # nbformat raises what it likes: JSON's errors, jsonschema's, its own, KeyError.
        first = str(error).splitlines()[0][:200] if str(error) else type(error).__name__
        raise BadInputError(f"{path}: not a notebook that can be read: {first}") from error
    language = notebook.metadata.get("kernelspec", {}).get("language", "python")
    if language.lower() != "python":
        raise BadInputError(f"{path}: a notebook for {language}; only Python can be run")
    notebook.metadata["kernelspec"] = {
        "name": "python3", "language": "python", "display_name": "Python 3",
    }  # fmt: skip
    return notebook


def check_parameters(notebook: Any, given: Mapping[str, Any]) -> None:
    """Raise BadInputError on a parameter that the notebook has not, or of another type.

    papermill itself only warns of the one and takes the other.
    """
    from papermill import inspect_notebook

    declared = inspect_notebook(notebook)
    for name, value in given.items():
        if name not in declared:
            choices = ", ".join(declared) or "none: it has no cell tagged `parameters`"
            raise BadInputError(f"the notebook has no parameter {name!r}: choose from {choices}")
        if not _plain(value):
            raise BadInputError(f"parameter {name!r}: a {type(value).__name__} cannot be passed on")
        wanted = declared[name]["inferred_type_name"]
        if wanted in _TYPES and not _fits(value, wanted):
            raise BadInputError(
                f"parameter {name!r} is declared {wanted}, not {type(value).__name__}"
            )


def _fits(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "bool"
    return isinstance(value, _TYPES[wanted])


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_plain(item) for item in value)
    if isinstance(value, dict):
        return all(isinstance(key, str) and _plain(item) for key, item in value.items())
    return isinstance(value, _PLAIN)
