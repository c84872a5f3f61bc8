"""The SQL that finds values of another type than their column.

Every line is taken apart twice, once for the types of its fields and once for the texts of its
times and numbers; what is wrong is listed only where something is, and only of its kinds: to plan
the listing of every field of every kind takes longer than to read a small file. The row number
keeps DuckDB from taking a line apart once more for every condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from ampmetrics.events import KINDS
from ampmetrics.tables.columns import ENVELOPE, Column, columns_of

__all__ = ["TIME", "wrong_lines", "wrong_values"]

_JSON_TYPES = {
    "VARCHAR": ("VARCHAR",),
    "BIGINT": ("BIGINT", "UBIGINT"),
    "DOUBLE": ("BIGINT", "UBIGINT", "DOUBLE"),
    "BOOLEAN": ("BOOLEAN",),
    "TIMESTAMPTZ": ("VARCHAR",),
}
TIME = (
    "CASE WHEN TRY_CAST({0} AS TIMESTAMPTZ) BETWEEN TIMESTAMPTZ '0001-01-01 00:00:00+00' "
    "AND TIMESTAMPTZ '9999-12-31 23:59:59.999999+00' THEN TRY_CAST({0} AS TIMESTAMPTZ) END"
)
"""The time that a text is; for DuckDB `infinity` is one too, and years that Python has not."""

_NO_VALUE = {
    "BIGINT": "{0} = 'UBIGINT' AND TRY_CAST({1} AS BIGINT) IS NULL",
    "DOUBLE": "{0} = 'DOUBLE' AND NOT isfinite(TRY_CAST({1} AS DOUBLE))",
    "TIMESTAMPTZ": f"{{0}} = 'VARCHAR' AND {TIME.replace('{0}', '{1}')} IS NULL",
}
"""When a value of the right JSON type is still none of the column's, as a number too large."""


class _Field(NamedTuple):
    name: str
    path: str
    column: Column


def wrong_values(wrong: str, kinds: Iterable[str]) -> str:
    """Query over what `wrong_lines` found: filename, k, field, value; of these kinds alone."""
    return f"SELECT filename, k, unnest({_by_kind(_list, kinds)}, recursive := true) FROM {wrong}"


def wrong_lines(lines: str) -> str:
    """Query over `lines` (filename, k, json; all of them events): those with a wrong value."""
    types = _by_kind(lambda fields: f"json_type(json, [{_paths(fields)}])")
    texts = _by_kind(lambda fields: f"json_extract_string(json, [{_paths(_checked(fields))}])")
    return (
        "SELECT * FROM (SELECT *, row_number() OVER () AS n FROM ("
        f"SELECT filename, k, json, type, {types} AS types, {texts} AS texts FROM ("
        f"SELECT filename, k, json, json->>'$.type' AS type FROM ({lines})))) "
        f"WHERE n > 0 AND {_by_kind(lambda fields: ' OR '.join(_conditions(fields)))}"
    )


def _by_kind(made: Callable[[list[_Field]], str], kinds: Iterable[str] = KINDS) -> str:
    envelope = [_Field(c.key, f"$.{c.key}", c) for c in ENVELOPE[1:]]
    cases = [f"WHEN '{kind}' THEN {made([*envelope, *_of_kind(kind)])}" for kind in kinds]
    return f"CASE type {' '.join(cases)} ELSE {made(envelope)} END" if cases else made(envelope)


def _of_kind(kind: str) -> list[_Field]:
    return [
        _Field(f"{kind}.{column.key}", f"$.data.{column.key}", column)
        for column in columns_of(KINDS[kind])
        if column.sql_type in _JSON_TYPES
    ] + [_Field(kind, "$.data", Column("data", "data", "OBJECT", ""))]


def _paths(fields: list[_Field]) -> str:
    return ", ".join(f"'{field.path}'" for field in fields)


def _checked(fields: list[_Field]) -> list[_Field]:
    return [field for field in fields if field.column.sql_type in _NO_VALUE]


def _conditions(fields: list[_Field]) -> list[str]:
    checked = _checked(fields)
    found = []
    for place, field in enumerate(fields, 1):
        kind = f"types[{place}]"
        right = ", ".join(f"'{one}'" for one in _JSON_TYPES.get(field.column.sql_type, ("OBJECT",)))
        wrong = f"{kind} NOT IN ('NULL', {right})"
        if field.path == "$.timestamp":
            wrong = f"coalesce({kind}, 'NULL') <> 'VARCHAR'"
        if field in checked:
            text = f"texts[{checked.index(field) + 1}]"
            wrong += f" OR ({_NO_VALUE[field.column.sql_type].format(kind, text)})"
        found.append(f"({wrong})")
    return found


def _list(fields: list[_Field]) -> str:
    rows = ", ".join(
        f"CASE WHEN {wrong} THEN "
        f"{{field: '{field.name}', value: json_extract(json, '{field.path}')::VARCHAR}} END"
        for field, wrong in zip(fields, _conditions(fields), strict=True)
    )
    return f"list_filter([{rows}], lambda x: x IS NOT NULL)"
