"""The Vega bundle, packed for a page and kept in the user's cache: made once for each version."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import os
import zlib
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

__all__ = ["Bundle", "bundle"]

_FORMAT = 1


class Bundle(NamedTuple):
    """JavaScript that defines `vegaEmbed`."""

    packed: str
    """base64 of its gzip"""
    sha256: str
    """base64 of its hash: what a page's policy allows to run"""


def bundle() -> Bundle:
    """The bundle from the cache, or made anew; without a cache where none can be kept."""
    from platformdirs import user_cache_path

    file = user_cache_path("ampmetrics") / f"vega-{version('vl-convert-python')}-{_FORMAT}.json"
    kept = _read(file)
    if kept is None:
        kept = _make()
        with suppress(OSError):
            _write(file, kept)
    return kept


def _make() -> Bundle:
    from vl_convert import javascript_bundle

    # Its top level declares names; a page has others' scripts beside it.
    code = javascript_bundle()  # type: ignore[call-arg]
    script = f"(()=>{{{code}}})();".encode()
    return Bundle(base64.b64encode(gzip.compress(script, 9, mtime=0)).decode(), _hash(script))


def _hash(script: bytes) -> str:
    return base64.b64encode(hashlib.sha256(script).digest()).decode()


def _read(file: Path) -> Bundle | None:
    try:
        kept = Bundle(**json.loads(file.read_bytes()))
        whole = _hash(gzip.decompress(base64.b64decode(kept.packed))) == kept.sha256
    except (OSError, ValueError, TypeError, EOFError, zlib.error):
        return None
    return kept if whole else None


def _write(file: Path, made: Bundle) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    part.write_text(json.dumps(made._asdict()))
    part.replace(file)
