"""Where an agent works: a checkout of its own that holds the base commit and its past, no more."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from ampmetrics.capture import preparing
from ampmetrics.capture.git import GitError, git
from ampmetrics.capture.looks import Looks, environment
from ampmetrics.capture.repository import head

__all__ = ["Source", "Workspace", "remove"]

_COPIED_BYTES = 32 << 20
_SUBMODULE = "160000"


@dataclass(frozen=True, slots=True)
class Workspace:
    """One checkout; plain values, so that another process can go on with it.

    The folder of its source must stay as long as it is used.
    """

    folder: Path
    base_commit: str | None
    """null: the folder is no repository"""
    tracker: Path
    """a git directory of ours over the same folder: what the agent does to its own, or to the
    index in it, does not change what we see"""
    start: str
    """id, in the tracker, of the tree that lay there when the agent got it"""
    is_copy: bool = True
    """false: a folder of the user's own"""

    @classmethod
    async def over(cls, folder: Path, tracker: Path, ignored: bytes) -> Workspace:
        """A folder that is there, as it lies there now; its files are read into the tracker.

        `ignored` is what is not looked at beside what its `.gitignore` names, in the same words.
        Raises GitError or OSError where it cannot be read, or the tracker not be written.
        """
        commit = head(folder)
        if not tracker.exists():
            object_format = "sha256" if len(commit or "") > 40 else "sha1"
            options = ("--quiet", "--bare", "--template=", f"--object-format={object_format}")
            await git(folder, "init", *options, str(tracker))
            (tracker / "info").mkdir()
            (tracker / "info" / "attributes").write_text(_AS_IT_IS, encoding="utf-8")
            with (tracker / "config").open("a", encoding="utf-8") as config:
                config.write(_TRACKER_CONFIG)
        (tracker / "info" / "exclude").write_bytes(ignored)
        return await cls(folder, commit, tracker, "", is_copy=False).begun()

    async def begun(self) -> Workspace:
        """The same with `start` as it is now: what was made so far is not the agent's.

        Raises GitError where it cannot be read.
        """
        return replace(self, start=await Looks(self.folder, self.tracker, None).look())


@dataclass(frozen=True, slots=True)
class Source:
    """A repository made once from a case's repo, of which each trial gets a copy."""

    folder: Path
    base_commit: str
    tree: str
    """of the base commit"""
    converts: bool
    """a checkout may write files that differ from what is committed (line ends, encodings)"""
    notes: tuple[str, ...]
    """what a workspace lacks that somebody may expect in it"""

    @classmethod
    async def prepare(
        cls, repo: Path, folder: Path, *, commit: str | None = None, branch: str | None = None
    ) -> Source:
        """Take a commit and its ancestors of a git repository, or make a plain folder one commit.

        The commit is any revision (the tip of the branch, else HEAD, where there is none); the
        branch gets the name of `branch`, else of the repository's own current one, else main.
        Only what is committed counts in a repository; of a plain folder all but `__pycache__` and
        what its `.gitignore` names. Raises GitError where there is no such commit or branch, or
        the commit is not in the branch.
        """
        folder.mkdir(parents=True)
        if preparing.is_repository(repo):
            base = await preparing.fetch(repo, folder, commit, branch)
        elif commit is not None or branch is not None:
            named = f"commit {commit!r}" if commit is not None else f"branch {branch!r}"
            raise GitError(f"no {named}: it is a plain folder, not a git repository")
        else:
            base = await preparing.snapshot(repo, folder)
        converts = any(path.rpartition("/")[2] == ".gitattributes" for _, path in base.paths)
        notes = tuple(_notes(base, folder / ".git"))
        return cls(folder / ".git", base.commit, base.tree, converts, notes)

    async def checkout(self, folder: Path, tracker: Path) -> Workspace:
        """A copy for one trial, with no remote, tag or other branch to look into.

        Raises GitError or OSError where it cannot be made.
        """
        await asyncio.to_thread(self._lay_out, folder, tracker)
        await git(folder, "read-tree", "--reset", "-u", self.base_commit)
        workspace = Workspace(folder, self.base_commit, tracker, self.tree)
        if self.converts:
            # What lies there counts, not what git would make of it.
            await git(folder, "read-tree", self.tree, env=environment(folder, tracker))
            return await workspace.begun()
        # The index knows the files' times, so that only those that changed are read again.
        shutil.copyfile(folder / ".git" / "index", tracker / "index")
        return workspace

    def _lay_out(self, folder: Path, tracker: Path) -> None:
        linked = _size(self.folder / "objects") > _COPIED_BYTES
        shutil.copytree(self.folder, folder / ".git", copy_function=_link if linked else _copy)
        (tracker / "refs").mkdir(parents=True)
        (tracker / "info").mkdir()
        (tracker / "info" / "attributes").write_text(_AS_IT_IS, encoding="utf-8")
        (tracker / "objects" / "info").mkdir(parents=True)
        shared = tracker / "objects" / "info" / "alternates"
        shared.write_text(f"{(self.folder / 'objects').absolute()}\n", encoding="utf-8")
        (tracker / "HEAD").write_text("ref: refs/heads/none\n", encoding="utf-8")
        own = (self.folder / "config").read_text(encoding="utf-8")
        (tracker / "config").write_text(own + _TRACKER_CONFIG, encoding="utf-8")
        if (self.folder / "shallow").exists():
            shutil.copyfile(self.folder / "shallow", tracker / "shallow")


# Whatever .gitattributes says: no filter, no conversion, and text is what looks like text.
_AS_IT_IS = "* -text !eol !working-tree-encoding -filter -ident !diff !whitespace\n"

_TRACKER_CONFIG = """[core]
	compression = 0
	logAllRefUpdates = false
"""


def remove(folder: Path) -> None:
    """Delete a folder as far as that can be done, also what an agent made read-only in it."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent, names, _ in os.walk(folder):
        for inner in (Path(parent, name) for name in names):
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _notes(base: preparing.Base, repository: Path) -> Iterator[str]:
    empty = sum(mode == _SUBMODULE for mode, _ in base.paths)
    if empty:
        yield f"{empty} submodule{'s are' if empty > 1 else ' is'} empty in the workspace"
    if (repository / "shallow").exists():
        yield "the repository is shallow: its history is cut in the workspace too"


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _copy(source: str, target: str) -> None:
    # Without the mode: packs are read-only, and those of the agent are its own.
    shutil.copyfile(source, target)


def _link(source: str, target: str) -> None:
    # A large history is shared, as `git clone` does it; what git may write to is not.
    if not source.endswith((".pack", ".idx", ".rev")):
        _copy(source, target)
        return
    try:
        os.link(source, target)
    except OSError:
        _copy(source, target)
