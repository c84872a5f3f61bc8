"""What an agent left behind, as git sees it: edited files and commits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ampmetrics.capture.diffs import Change, Diff, Diffs, changes, counts, text
from ampmetrics.capture.git import GitError, git
from ampmetrics.capture.workspace import Workspace
from ampmetrics.events import FileEdit, GitOperation

__all__ = ["commits", "file_edits", "head"]

_OPERATIONS = {"A": "create", "D": "delete", "R": "rename"}


async def head(folder: Path) -> str | None:
    """The commit that is checked out; null where there is none (any more)."""
    try:
        return (await git(folder, "rev-parse", "--verify", "HEAD^{commit}")).decode().strip()
    except GitError:
        return None


async def file_edits(workspace: Workspace) -> list[FileEdit]:
    """One record a file that differs from the base commit, committed or not, in order of path.

    What `.gitignore` names and what cannot be read is left out. Renames are those that git finds
    (half of the lines alike). A repository within is one file, as it is for git.
    """
    env = {"GIT_DIR": str(workspace.tracker), "GIT_WORK_TREE": str(workspace.folder)}
    # 1: a file cannot be read, or a repository within has no commit; the others are added.
    await git(workspace.folder, "add", "--all", "--ignore-errors", env=env, good=(0, 1))
    tree = (await git(workspace.folder, "write-tree", env=env)).decode().strip()
    compare = ("diff-tree", "-r", "-M", workspace.base_commit, tree)
    raw = await git(workspace.folder, *compare, "-z", "--raw", env=env)
    numstat = await git(workspace.folder, *compare, "-z", "--numstat", env=env)
    diffs = Diffs()
    patch = (*compare, "-p", "--no-ext-diff", "--no-textconv")
    await git(workspace.folder, *patch, env=env, on_output=diffs.feed)
    changed = list(changes(text(raw)))
    each = zip(changed, counts(text(numstat)), diffs.end(changed), strict=True)
    return [_edit(change, *count, diff) for change, count, diff in each]


def _edit(change: Change, added: int | None, deleted: int | None, diff: Diff) -> FileEdit:
    return FileEdit(
        path=change.path,
        old_path=change.old_path,
        operation=_OPERATIONS.get(change.status, "modify"),
        lines_added=added,
        lines_deleted=deleted,
        is_binary=added is None,
        diff=text(diff.begin),
        diff_bytes=diff.size,
    )


async def commits(workspace: Workspace) -> list[GitOperation]:
    """One record a commit that the agent made on top of the base commit, oldest first."""
    folder = workspace.folder
    if await head(folder) is None:
        return []
    try:
        made = await git(folder, "rev-list", "--reverse", "HEAD", f"^{workspace.base_commit}", "--")
    except GitError:
        # The base commit is not there any more: the agent made a repository of its own.
        made = await git(folder, "rev-list", "--reverse", "HEAD", "--")
    return [await _commit(folder, sha) for sha in made.decode().split()]


async def _commit(folder: Path, sha: str) -> GitOperation:
    shown = await git(folder, "show", "--no-patch", "--no-show-signature", "--format=%P%n%s", sha)
    parents, _, subject = text(shown).partition("\n")
    options = ("-r", "-M", "-z", "--root", "--diff-merges=first-parent", "--no-commit-id")
    files = counts(text(await git(folder, "diff-tree", *options, "--numstat", sha)))
    return GitOperation(
        operation="commit",
        sha_before=parents.split()[0] if parents else None,
        sha_after=sha,
        files_changed=len(files),
        insertions=_sum(added for added, _ in files),
        deletions=_sum(deleted for _, deleted in files),
        message=subject.strip("\n"),
    )


def _sum(lines: Iterable[int | None]) -> int | None:
    """Lines of the text files; null where all are binary, 0 where there is no file."""
    each = list(lines)
    known = [n for n in each if n is not None]
    return sum(known) if known or not each else None
