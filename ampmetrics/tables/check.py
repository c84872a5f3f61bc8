"""Event files held against the records of `events`: what is wrong in them, line by line.

Right is what `ampmetrics schema --json` says: it is made from the same records. A kind or a field
that no record names is not wrong but noted, as old and later files have such.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple, get_args

import msgspec
from msgspec import Meta

from ampmetrics.events import KINDS, Event
from ampmetrics.jsonl import names_of_event_files
from ampmetrics.tables.files import Look, Looks, nameable
from ampmetrics.tables.remote import local_and_remote

__all__ = ["Problem", "Tally", "check"]

_BLANK = b" \t\r\n\v\f"
_NAMES = 1000
"""So many different names are noted; hostile files have any number of them."""
_SHOWN = 200
_EDGES = (b'"0001-01-01', b'"9999-12-31')
"""Stand in every line with a time that in UTC is of no year from 1 to 9999."""
_WHOLE = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None
"""What a column of whole numbers holds."""


class Problem(NamedTuple):
    """One thing that is wrong: of a value, of a line as a whole, or of a file as a whole."""

    file: str
    line: int | None
    """from 1; null: the file as a whole"""
    field: str | None
    """kind and JSON key, or the key of the envelope; null: the line as a whole"""
    reason: str
    value: str | None
    """the value as JSON or the line, their beginning; null: there is none"""


@dataclass(slots=True)
class Tally:
    """What was seen while checking."""

    files: int = 0
    lines: int = 0
    """that are not blank"""
    wrong_lines: int = 0
    """with one problem or several"""
    problems: int = 0
    unknown_kinds: Counter[str] = field(default_factory=Counter)
    """kind → its events"""
    unknown_fields: Counter[str] = field(default_factory=Counter)
    """kind and JSON key, or the key of the envelope → events that have it"""


def check(paths: str | Path | Iterable[str | Path], tally: Tally) -> Iterator[Problem]:
    """What is wrong in the event files of these paths, file by file, line by line.

    They are named as for `connect`, and read one line at a time. Raises BadInputError where there
    is no event file.
    """
    local, remote = local_and_remote(paths)
    here = names_of_event_files(local) if local or not remote else []
    files, odd = nameable(here)
    looks = Looks(files, remote | odd)
    for file, look in looks.all():
        tally.files += 1
        for problem in _of_file(file, look, looks, tally):
            tally.problems += 1
            yield problem


def _of_file(file: str, look: Look, looks: Looks, tally: Tally) -> Iterator[Problem]:
    if look.reason:
        yield Problem(file, None, None, look.reason, None)
    if look.reason and not look.mended:
        return
    try:
        with looks.open(file) as lines:
            for number, raw in enumerate(lines, 1):
                if raw.strip(_BLANK):
                    yield from _of_line(file, number, raw, look.long_lines.get(number), tally)
    except OSError as error:
        yield Problem(file, None, None, error.strerror or str(error), None)


def _of_line(
    file: str, number: int, raw: bytes, size: int | None, tally: Tally
) -> Iterator[Problem]:
    tally.lines += 1
    if not size and _is_fine(raw, tally):
        return
    whole = f"a line of {size} bytes" if size else None
    found = [(None, whole, raw[1:])] if whole else list(_wrong(raw, tally))
    tally.wrong_lines += bool(found)
    for key, reason, value in found:
        text = value if isinstance(value, bytes) else _as_json(value)
        shown = None if text is None else text[:_SHOWN].decode(errors="replace").rstrip("\r\n")
        yield Problem(file, number, key, reason, shown)


def _as_json(value: Any) -> bytes | None:
    try:
        return None if value is None else json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        return b"[..."


def _reader(
    struct: type[msgspec.Struct], *, exact: bool, **instead: Any
) -> msgspec.json.Decoder[Any]:
    """Reads what fits a record; exact: and has no other field."""
    fields = [
        (f.name, instead.get(f.name) or _type(f), msgspec.field(name=f.encode_name, **_default(f)))
        for f in msgspec.structs.fields(struct)
    ]
    read = msgspec.defstruct(struct.__name__, fields, kw_only=True, forbid_unknown_fields=exact)
    return msgspec.json.Decoder(read)


def _type(given: msgspec.structs.FieldInfo) -> Any:
    bare = get_args(given.type)[0]
    return _WHOLE if int in get_args(bare) else bare


def _default(given: msgspec.structs.FieldInfo) -> dict[str, None]:
    return {} if given.required else {"default": None}


class _Fitting:
    """Lines in which nothing is wrong: exact ones, or those of which something is to be noted."""

    def __init__(self, *, exact: bool) -> None:
        self._envelope = _reader(Event, exact=exact, data=msgspec.Raw)
        self._records = {kind: _reader(record, exact=exact) for kind, record in KINDS.items()}

    def kind_of(self, raw: bytes) -> str | None:
        """The kind of such a line; null for another one."""
        try:
            envelope = self._envelope.decode(raw)
            if record := self._records.get(envelope.type):
                record.decode(envelope.data)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return None
        return None if any(edge in raw for edge in _EDGES) else str(envelope.type)


_EXACT, _WITH_MORE = _Fitting(exact=True), _Fitting(exact=False)
_MEMBERS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_KEYS = {
    kind: {f.encode_name for f in msgspec.structs.fields(record)} for kind, record in KINDS.items()
}
_ENVELOPE_KEYS = {f.encode_name for f in msgspec.structs.fields(Event)}


def _is_fine(raw: bytes, tally: Tally) -> bool:
    """True of a line in which nothing is wrong; what is unknown in it is noted."""
    kind = _EXACT.kind_of(raw)
    if kind is None:
        kind = _WITH_MORE.kind_of(raw)
        if kind is None:
            return False
        members = _MEMBERS.decode(raw)
        _note_unknown(tally, "", members, _ENVELOPE_KEYS)
        if kind in KINDS:
            _note_unknown(tally, f"{kind}.", _MEMBERS.decode(members["data"]), _KEYS[kind])
    if kind not in KINDS:
        _note(tally.unknown_kinds, kind)
    return True


def _note_unknown(tally: Tally, prefix: str, values: Iterable[str], known: Container[str]) -> None:
    for key in values:
        if key not in known:
            _note(tally.unknown_fields, f"{prefix}{key}")


_Wrong = tuple[str | None, str, Any]
"""Field, reason, value."""


def _wrong(raw: bytes, tally: Tally) -> Iterator[_Wrong]:
    torn = "" if raw.endswith(b"\n") else "the line is not finished: "
    try:
        event = msgspec.json.decode(raw)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        yield None, f"{torn}{error}", raw
        return
    if not isinstance(event, dict):
        yield None, f"not a JSON object but {type(event).__name__}", raw
        return
    if not isinstance(event.get("type"), str):
        yield None, "no event: it has no text in 'type'", raw
        return
    kind = event["type"]
    known = kind in KINDS
    _note_unknown(tally, "", event, _ENVELOPE_KEYS)
    yield from _of_struct(event, Event, "", but="" if known else "data")
    if not known:
        _note(tally.unknown_kinds, kind)
    elif isinstance(event.get("data"), dict):
        _note_unknown(tally, f"{kind}.", event["data"], _KEYS[kind])
        yield from _of_struct(event["data"], KINDS[kind], f"{kind}.")


def _of_struct(
    values: dict[str, Any], struct: type[msgspec.Struct], prefix: str, but: str = ""
) -> Iterator[_Wrong]:
    for key, (required, holding) in _fields(struct).items():
        if key in values:
            reason = _reason(values[key], holding) if key != but else None
        else:
            reason = "it is missing" if required and key != but else None
        if reason:
            yield f"{prefix}{key}", reason, values.get(key)


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, tuple[bool, type[msgspec.Struct]]]:
    """JSON key → whether it must be there, and a record of one such value."""
    # To convert to a bare type msgspec would describe it anew for each value.
    return {
        f.encode_name: (
            f.required,
            msgspec.defstruct(
                "Holding", [("value", dict if f.encode_name == "data" else _type(f))]
            ),
        )
        for f in msgspec.structs.fields(struct)
    }


def _reason(value: Any, holding: Any) -> str | None:
    """Why a value is none of a field; null: it is one."""
    try:
        converted = msgspec.convert({"value": value}, holding).value
    except msgspec.ValidationError as error:
        return str(error).partition(" - at `$.value")[0]
    except RecursionError:
        return "nested too deep"
    if isinstance(converted, datetime) and converted.tzinfo:
        try:
            converted.astimezone(UTC)
        except OverflowError:
            return "no time of the years 1 to 9999"
    return None


def _note(names: Counter[str], name: str) -> None:
    if name in names or len(names) < _NAMES:
        names[name] += 1
