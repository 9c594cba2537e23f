"""Items that were moved or renamed: their content tells them, and their questions and answers move along."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from activessl.errors import PoolError
from activessl.labels.answers import class_text
from activessl.ledger.history import History
from activessl.ledger.schema import Moved
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say
from activessl.project.folder import Project
from activessl.project.snapshot import embedded


def follow_moves(project: Project, history: History, pool: Pool, on_progress: OnProgress | None = None) -> History:
    """Write into the ledger which items have another id now; return the history after it. Needs the project's lock.

    Args:
        project: The project.
        history: Its history.
        pool: The data as they are now.
        on_progress: Called with one sentence if items have moved.

    Raises:
        PoolError: Items of the same content have different labels, and nothing tells which of them is which.
    """
    moved = moves_of(project, history, pool)
    if not moved:
        return history
    old, new = next(iter(moved.items()))
    many = f"{len(moved):,} items were" if len(moved) > 1 else "1 item was"
    say(
        on_progress,
        "moved",
        f"{many} moved or renamed, by the content: questions and labels move along, such as {old!r}, now {new!r}",
    )
    project.append(Moved(items=tuple(moved.items()), turn=history.events))
    return project.history()


def moves_of(project: Project, history: History, pool: Pool) -> dict[str, str]:
    """Return the old and the new id of each item that was encoded once and was moved; errors as of ``follow_moves``."""
    was = embedded(project, history)
    if not was:  # never encoded, or the vectors were deleted
        return {}
    gone = {item: digest for item, digest in (history.left | was).items() if item not in pool}
    there = {item.id: item.sha256 for item in pool.items if item.id not in was} if gone else {}
    return pair_moves(gone, there, {item: label.classes for item, label in history.labels.items() if item in gone})


def gone_with_answers(project: Project, history: History, pool: Pool) -> dict[str, str]:
    """Return the items with answers that left the pool since the last encoding, and the hash of their content, so that
    they are recognized if they come back under another name."""
    answered = {a.item for a in history.answers.values()}
    was = {history.moved_since.get(item, item): digest for item, digest in embedded(project, history).items()}
    return {item: digest for item, digest in was.items() if item in answered and item not in pool}


def pair_moves(
    gone: Mapping[str, str], there: Mapping[str, str], labels: Mapping[str, tuple[str, ...]]
) -> dict[str, str]:
    """Pair ids that are gone with new ids of the same content; of several, those with the same file name.

    Args:
        gone: Id to content hash, of items that are no longer there.
        there: Id to content hash, of items that are new.
        labels: The classes of those of ``gone`` that have a label.

    Raises:
        PoolError: Items of the same content have different labels, and no file name tells which of them is which.

    Example:
        >>> pair_moves({"a.png": "1", "b.png": "2"}, {"new/a.png": "1", "c.png": "3"}, {"a.png": ("cat",)})
        {'a.png': 'new/a.png'}
    """
    places: dict[str, list[str]] = {}
    for item, digest in there.items():
        places.setdefault(digest, []).append(item)
    alike: dict[str, list[str]] = {}
    for item, digest in gone.items():
        if digest in places:
            alike.setdefault(digest, []).append(item)
    moved: dict[str, str] = {}
    for digest, olds in alike.items():
        news = sorted(places[digest])
        pairs = _same_name(olds, news)
        # labels first: an item without one may stay gone
        left = sorted((old for old in olds if old not in pairs), key=lambda old: (old not in labels, old))
        free = [new for new in news if new not in pairs.values()]
        said = {labels[old]: old for old in left if old in labels}
        if len(said) > 1 and free:
            (one, first), (other, second) = list(said.items())[:2]
            raise PoolError(
                f"{first!r} and {second!r} have the same content, and different labels ({class_text(one)}, "
                f"{class_text(other)}); both were moved or renamed, such as to {free[0]!r}",
                hint="restore one of the two names, run `activessl encode`, then rename it",
            )
        moved |= pairs | dict(zip(left, free, strict=False))
    return moved


def _same_name(olds: Sequence[str], news: Sequence[str]) -> dict[str, str]:
    """Pair ids whose file names are equal, and occur once on both sides."""
    name_of = {item: PurePosixPath(item).name for item in (*olds, *news)}
    once = [[name_of[item] for item in items] for items in (olds, news)]
    found = {name_of[new]: new for new in news if once[1].count(name_of[new]) == 1}
    return {old: found[name_of[old]] for old in olds if name_of[old] in found and once[0].count(name_of[old]) == 1}
