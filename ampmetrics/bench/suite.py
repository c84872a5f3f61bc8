"""The suite file: YAML or JSON → cases, or one line that names file, line and the bad value."""

from __future__ import annotations

import difflib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from ampmetrics.errors import BadInputError

__all__ = ["Case", "Suite", "load_suite"]

_SUITE_KEYS = ("name", "description", "cases")
_CASE_KEYS = ("id", "description", "repo", "prompt", "timeoutSec", "successCommand")
_REQUIRED = ("id", "repo", "prompt")
_LONGEST_SEC = 7 * 24 * 3600
_SHOWN = 10
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One task for an agent."""

    id: str
    """safe as a file's name"""
    description: str | None
    repo: str
    """as the suite names it"""
    folder: Path
    """where that is"""
    prompt: str
    timeout_sec: float | None
    success_command: str | None
    """null: the case has no verdict"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A file of cases."""

    path: Path
    name: str
    description: str | None
    hash: str
    """SHA-256 of the file's bytes"""
    cases: tuple[Case, ...]


def load_suite(path: Path) -> Suite:
    """Read and check a suite; raises BadInputError on the first thing that is wrong with it."""
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise BadInputError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise BadInputError(f"{path}: not UTF-8 text: byte {error.start + 1}") from error
    reader = _Reader(path)
    top = reader.mapping(reader.parse(text), "the suite", _SUITE_KEYS, required=("cases",))
    items = top["cases"]
    if not isinstance(items, yaml.SequenceNode) or not items.value:
        reader.fail(items, "'cases' must be a list of at least one case")
    cases = [reader.case(node) for node in items.value]
    return Suite(
        path=path,
        name=reader.text(top, "name") or path.stem,
        description=reader.text(top, "description"),
        hash=hashlib.sha256(content).hexdigest(),
        cases=tuple(cases),
    )


class _Reader:
    """Walks the tree of a YAML file and knows the line of everything in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: dict[str, int] = {}

    def fail(self, node: yaml.Node, message: str) -> NoReturn:
        raise BadInputError(f"{self.path}:{node.start_mark.line + 1}: {message}")

    def parse(self, text: str) -> yaml.Node:
        # JSON is YAML but for tabs, which in JSON are never part of a value.
        if self.path.suffix.lower() == ".json":
            text = text.replace("\t", " ")
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            line = f":{mark.line + 1}" if mark else ""
            raise BadInputError(f"{self.path}{line}: not YAML: {error.problem}") from error
        except yaml.reader.ReaderError as error:
            number = text.count("\n", 0, error.position) + 1
            what = f"a character that YAML does not allow: {text[error.position]!r}"
            raise BadInputError(f"{self.path}:{number}: not YAML: {what}") from error
        except RecursionError as error:
            raise BadInputError(f"{self.path}: nested too deeply to be a suite") from error
        if node is None:
            raise BadInputError(f"{self.path}: the file is empty: it needs a list 'cases'")
        return node

    def mapping(
        self, node: yaml.Node, what: str, keys: tuple[str, ...], required: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self.fail(node, f"{what} must be a mapping with the keys {', '.join(keys)}")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self.fail(key, f"a key of {what} is a list or mapping, not a word")
            if key.value not in keys:
                self.fail(
                    key, f"unknown key {key.value!r} in {what}{_nearest(str(key.value), keys)}"
                )
            if key.value in found:
                self.fail(key, f"key {key.value!r} stands twice in {what}")
            found[key.value] = value
        for key in required:
            if key not in found:
                self.fail(node, f"{what} has no {key!r}, which it needs")
        return found

    def case(self, node: yaml.Node) -> Case:
        found = self.mapping(node, "a case", _CASE_KEYS, _REQUIRED)
        return Case(
            id=self.id(found),
            description=self.text(found, "description"),
            repo=self.needed_text(found, "repo"),
            folder=self.folder(found),
            prompt=self.needed_text(found, "prompt"),
            timeout_sec=self.seconds(found, "timeoutSec"),
            success_command=self.text(found, "successCommand"),
        )

    def id(self, found: dict[str, yaml.Node]) -> str:
        id_ = self.needed_text(found, "id")
        node = found["id"]
        if not _SAFE_ID.fullmatch(id_):
            near = _UNSAFE.sub("-", id_).strip("-._")[:100] or "case-1"
            self.fail(
                node,
                f"id {id_!r} cannot be a file's name: use up to 100 letters, digits, '.', '_' "
                f"and '-', beginning with a letter or digit; did you mean {near!r}?",
            )
        # Some file systems do not tell A from a.
        if first := self._lines.get(id_.lower()):
            self.fail(
                node,
                f"id {id_!r} is used twice, first in line {first} (upper and lower case are the "
                f"same here): did you mean {id_ + '-2'!r}?",
            )
        self._lines[id_.lower()] = node.start_mark.line + 1
        return id_

    def folder(self, found: dict[str, yaml.Node]) -> Path:
        repo = self.needed_text(found, "repo")
        try:
            folder = self.path.parent / Path(repo).expanduser()
            if not folder.is_dir():
                near = _nearest(folder.name, _folders(folder.parent))
                message = f"repo {repo!r} is not a folder: looked for {folder}{near}"
                self.fail(found["repo"], message)
        except (OSError, RuntimeError) as error:
            self.fail(found["repo"], f"repo {repo!r} cannot be looked for: {error}")
        return folder

    def text(self, found: dict[str, yaml.Node], key: str) -> str | None:
        node = found.get(key)
        if node is None or node.tag == "tag:yaml.org,2002:null":
            return None
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
            shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
            self.fail(node, f"{key!r} must be text, not {shown}: put it in quotes")
        # JSON may write one character as two escapes, which YAML leaves in halves.
        return str(node.value).encode("utf-16", "surrogatepass").decode("utf-16", "replace")

    def needed_text(self, found: dict[str, yaml.Node], key: str) -> str:
        value = self.text(found, key)
        if value is None or not value.strip():
            self.fail(found[key], f"{key!r} is empty")
        return value

    def seconds(self, found: dict[str, yaml.Node], key: str) -> float | None:
        node = found.get(key)
        if node is None or node.tag == "tag:yaml.org,2002:null":
            return None
        shown = node.value if isinstance(node, yaml.ScalarNode) else "a list or mapping"
        try:
            value = float(shown)
        except ValueError:
            value = 0.0
        if not 0 < value <= _LONGEST_SEC:
            self.fail(
                node,
                f"{key!r} must be a number of seconds above 0 and up to {_LONGEST_SEC}, "
                f"not {shown!r}",
            )
        return value


def _nearest(word: str, choices: tuple[str, ...]) -> str:
    near = difflib.get_close_matches(word, choices, n=1, cutoff=0.5)
    if near:
        return f"; did you mean {near[0]!r}?"
    more = ", …" if len(choices) > _SHOWN else ""
    return f"; known are {', '.join(choices[:_SHOWN])}{more}" if choices else ""


def _folders(parent: Path) -> tuple[str, ...]:
    if not parent.is_dir():
        return ()
    return tuple(sorted(child.name for child in parent.iterdir() if child.is_dir()))
