"""Where an agent works: a checkout of its own that holds the base commit and its past, no more."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from ampmetrics.capture.git import git

__all__ = ["Source", "Workspace", "remove"]

_FIXED_DATE = {
    "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    "GIT_COMMITTER_DATE": "2000-01-01T00:00:00Z",
}


@dataclass(frozen=True, slots=True)
class Workspace:
    """One checkout."""

    folder: Path
    base_commit: str
    tracker: Path
    """a git directory of ours over the same folder: what the agent does to its own, or to the
    index in it, does not change what we see"""


@dataclass(frozen=True, slots=True)
class Source:
    """A bare repository made once from a case's repo, from which its trials are cloned."""

    folder: Path
    base_commit: str

    @classmethod
    async def prepare(cls, repo: Path, folder: Path) -> Source:
        """Take HEAD and its ancestors of a git repository, or make a plain folder one commit.

        Only what is committed counts in a repository; of a plain folder all but `__pycache__` and
        what its `.gitignore` names. Raises GitError where there is no commit to start from.
        """
        folder.mkdir(parents=True)
        bare = folder / "base.git"
        await git(folder, "init", "--quiet", "--bare", str(bare))
        if _is_repository(repo):
            head = "+HEAD:refs/heads/main"
            options = ("--quiet", "--no-tags", "--update-shallow")
            await git(bare, "fetch", *options, str(repo.absolute()), head)
        else:
            await _commit_folder(repo, bare)
        commit = (await git(bare, "rev-parse", "refs/heads/main")).decode().strip()
        return cls(bare, commit)

    async def checkout(self, folder: Path, tracker: Path) -> Workspace:
        """A clone for one trial, with no remote, tag or other branch to look into."""
        await git(
            self.folder, "clone", "--quiet", "--branch", "main", str(self.folder), str(folder)
        )
        await git(folder, "remote", "remove", "origin")
        await git(self.folder, "init", "--quiet", "--bare", str(tracker))
        shared = tracker / "objects" / "info" / "alternates"
        shared.write_text(f"{self.folder / 'objects'}\n", encoding="utf-8")
        # The index knows the files' times, so that only those that changed are read again.
        shutil.copyfile(folder / ".git" / "index", tracker / "index")
        return Workspace(folder, self.base_commit, tracker)


def remove(folder: Path) -> None:
    """Delete a folder as far as that can be done, also what an agent made read-only in it."""
    shutil.rmtree(folder, ignore_errors=True)
    for parent, names, _ in os.walk(folder):
        for inner in (Path(parent, name) for name in names):
            if not inner.is_symlink():
                inner.chmod(0o700)
    shutil.rmtree(folder, ignore_errors=True)


def _is_repository(folder: Path) -> bool:
    return (folder / ".git").exists() or (
        (folder / "HEAD").is_file() and (folder / "objects").is_dir()
    )


async def _commit_folder(plain: Path, bare: Path) -> None:
    excluded = bare / "info" / "exclude"
    excluded.parent.mkdir(exist_ok=True)
    excluded.write_text("__pycache__/\n", encoding="utf-8")
    env = {"GIT_DIR": str(bare), "GIT_WORK_TREE": str(plain.absolute()), **_FIXED_DATE}
    await git(plain, "add", "--all", env=env)
    await git(plain, "commit", "--quiet", "--allow-empty", "-m", "Start", env=env)
