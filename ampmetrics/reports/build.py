"""`build_report`: find the notebook, run it, write the page in one move."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ampmetrics.errors import BadInputError, CannotRunError, ReportFailedError
from ampmetrics.jsonl import event_files
from ampmetrics.reports.declared import check, declared
from ampmetrics.reports.kernel import Kernel, kernel
from ampmetrics.reports.notebooks import built_in, find_notebook, read_notebook

if TYPE_CHECKING:
    from ampmetrics.reports.run import Executed

__all__ = ["FORMS", "build_report"]

FORMS = ("html", "ipynb", "pdf", "md")
"""What a report can be written as; also how such a file's name ends."""

_OURS = (
    "duckdb", "scipy.special", "ampmetrics.charts", "ampmetrics.reports", "ampmetrics.aggregates",
)  # fmt: skip
"""All that our notebooks need; they import it themselves too."""

_PLACES = ("paths", "cache", "prices")
"""Parameters that name files: the page shows their names, not where on this machine they lie."""


def build_report(
    paths: str | Path | Iterable[str | Path],
    output: str | Path,
    *,
    notebook: str | Path = "benchmark_report",
    parameters: Mapping[str, Any] | None = None,
    form: str = "html",
) -> Path:
    """Run a notebook over these event files and write what came out as one file.

    `paths`: file, folder, glob or list of these, handed on as the notebook's parameter `paths`;
    none: it is left as the notebook has it. `notebook`: one that comes with ampmetrics or a path to
    an .ipynb. `parameters`: its other parameters. `form`: html (needs no network), ipynb (the
    notebook with its outputs), pdf (needs Chromium) or md (words and tables). Returns the path of
    the file. Raises BadInputError where a path, the notebook, a parameter or the form cannot be
    used, CannotRunError where the file cannot be written or there is no Chromium,
    ReportFailedError where a cell failed: the file then holds the report so far and says so.
    """
    began = time.monotonic()
    file, write = _output_path(output), _writer(form)
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    source = find_notebook(notebook)
    wanted = dict(parameters or {})
    if given:
        event_files(given)
        wanted["paths"] = [str(Path(path).absolute()) for path in given]
    with ThreadPoolExecutor(1) as meanwhile, kernel(_modules(source)) as begun:
        ready = read_notebook(source)
        check(declared(ready), wanted)
        # The kernel works in a process of its own: what the page needs loads beside it.
        meanwhile.submit(_load_exporter)
        executed = _execute(ready, wanted, begun)
    if form != "ipynb":
        _name_only(executed, wanted)
    _sign(executed, source, time.monotonic() - began)
    _replace(file, lambda part: write(executed, part))
    if executed.failure:
        cell = f"cell {executed.failure.number}: " if executed.failure.number else ""
        raise ReportFailedError(
            f"{source.name}: {cell}{executed.failure.error}; the report so far is in {file}"
        )
    return file


def _output_path(output: str | Path) -> Path:
    file = Path(output)
    if file.is_dir():
        raise BadInputError(f"{file} is a folder: name the file, such as {file / 'report.html'}")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotRunError(f"{file} cannot be written: {error.strerror or error}") from error
    return file


def _writer(form: str) -> Callable[[Executed, Path], None]:
    """What writes such a file; all that could be refused is refused now."""
    if form not in FORMS:
        raise BadInputError(f"no format {form!r}: choose from {', '.join(FORMS)}")
    if form == "pdf":
        from ampmetrics.reports.pdf import chromium, print_page

        program = chromium()
        return lambda executed, part: print_page(program, _html(executed), part)
    return {"html": _write_html, "ipynb": _write_notebook, "md": _write_markdown}[form]


def _load_exporter() -> None:
    import ampmetrics.reports.exporter  # noqa: F401
    from ampmetrics.reports.vega import bundle

    bundle()


def _execute(notebook: Any, parameters: Mapping[str, Any], begun: Kernel) -> Executed:
    from ampmetrics.reports.run import execute

    return execute(notebook, parameters, begun)


def _modules(source: Path) -> tuple[str, ...]:
    """What our own notebooks load; one of the user's may want to say something before it does."""
    return _OURS if source in built_in().values() else ()


def _name_only(executed: Executed, parameters: Mapping[str, Any]) -> None:
    """The code that is shown names files, not where on this machine they lie."""
    from papermill.translators import PythonTranslator

    shown = {
        name: _names(value) if name in _PLACES else value for name, value in parameters.items()
    }
    for cell in executed.notebook.cells:
        if "injected-parameters" in cell.metadata.get("tags", []):
            cell.source = PythonTranslator.codify(shown)


def _names(value: Any) -> Any:
    if isinstance(value, list):
        return [_names(each) for each in value]
    return Path(value).name if isinstance(value, str) else value


def _sign(executed: Executed, source: Path, seconds: float) -> None:
    """What the page says of its making: the only part of it that differs between two runs."""
    from ampmetrics import __version__

    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    executed.notebook.metadata["ampmetrics_made"] = (
        f"Made by ampmetrics {__version__} from {source.name} on {at}, in {seconds:.1f} s."
    )
    if executed.failure:
        number = executed.failure.number
        executed.notebook.metadata["ampmetrics_failure"] = (
            f"{f'Code cell {number}' if number else 'The notebook'} failed, and nothing after it "
            f"ran: {executed.failure.error}"
        )


def _html(executed: Executed) -> str:
    from ampmetrics.reports.exporter import PageExporter

    exporter = PageExporter()  # type: ignore[no-untyped-call]
    return str(exporter.from_notebook_node(executed.notebook)[0])


def _write_html(executed: Executed, part: Path) -> None:
    part.write_text(_html(executed), encoding="utf-8", errors="replace")


def _write_notebook(executed: Executed, part: Path) -> None:
    import nbformat

    with part.open("w", encoding="utf-8") as file:
        nbformat.write(executed.notebook, file)  # type: ignore[no-untyped-call]


def _write_markdown(executed: Executed, part: Path) -> None:
    from ampmetrics.reports.exporter import page_of
    from ampmetrics.reports.markdown import markdown_of

    part.write_text(markdown_of(page_of(executed.notebook)), encoding="utf-8", errors="replace")


def _replace(file: Path, write: Callable[[Path], None]) -> None:
    """The file is there whole or not at all."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    try:
        write(part)
        part.replace(file)
    except OSError as error:
        raise CannotRunError(f"{file} cannot be written: {error.strerror or error}") from error
    finally:
        part.unlink(missing_ok=True)
