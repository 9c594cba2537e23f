"""What a check of a pool is. To add a check, add a module in this folder and a line in ``registry``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from jaxtyping import Float

from activessl.pool.forms.base import Form, Media
from activessl.pool.pool import Item, Pool
from activessl.pool.progress import OnProgress, tell
from activessl.pool.traits.base import Gathering, Survey

#: How bad a problem is: an error makes an item useless, a warning costs labels or accuracy, a note is worth a look.
Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One item with a problem that a check found.

    Attributes:
        id: The id of the item.
        why: Details, where the name of the check is not enough: a reason, or the item that it duplicates.
        of: The id of the original, where the item is a copy; the id of the test item, where it is also test data.
        aside: Whether ``check --fix`` sets the item aside; False where another remedy is right.
    """

    id: str
    why: str = ""
    of: str = ""
    aside: bool = True

    def to_json(self) -> dict[str, str]:
        """The finding as JSON values."""
        return {"id": self.id, "why": self.why}


@dataclass(frozen=True, eq=False)
class Shared:
    """What the pool and the test data have in common.

    Attributes:
        test: The test data.
        shown: (row of the pool, row of the test data) of items that show the same.
        groups: The name of the group of each item of the pool and of each test item; None without groups.
    """

    test: Pool
    shown: Sequence[tuple[int, int]] = ()
    groups: tuple[Sequence[str], Sequence[str]] | None = None


@dataclass(frozen=True, eq=False)
class Material:
    """The input of checks.

    Attributes:
        pool: The items.
        vectors: (n, d) one row per item; None before the pool is encoded.
        near: Sets of two and more rows that are near duplicates by their vectors; None without vectors.
        survey: The traits of the items; None before they were seen.
        alike: Sets of two and more rows that show the same.
        shared: What the pool and the test data have in common; None without test data.
        looked: What ``look`` of the checks found, by their names.
    """

    pool: Pool
    vectors: Float[np.ndarray, "n d"] | None = None
    near: Sequence[Sequence[int]] | None = None
    survey: Survey | None = None
    alike: Sequence[Sequence[int]] = ()
    shared: Shared | None = None
    looked: dict[str, tuple[Finding, ...]] | None = None

    def figure(self, name: str) -> Float[np.ndarray, " n"] | None:
        """One measure of all items; None if items of this form do not have it."""
        return None if self.survey is None else self.survey.figures.get(name)


@dataclass(frozen=True)
class Check:
    """One check: of the whole pool, or of the content of each item.

    Attributes:
        name: The kind of its findings in JSON.
        says: What is written after "3 items are", such as "blank".
        find: Returns the findings in a pool, in the order of its items.
        look: Returns the problem of one item's content, or None. Each item is decoded once for all such checks.
        needs_vectors: Whether the check needs an encoded pool.
        severity: How bad the problem is; ``check --fix`` sets errors and warnings aside.
        remedy: What to do about it.
    """

    name: str
    says: str
    find: Callable[[Material], Iterable[Finding]] | None = None
    look: Callable[[Media], str | None] | None = None
    needs_vectors: bool = False
    severity: Severity = "warning"
    remedy: str = "look at the items, and set those aside that are not worth a label"


def seen(material: Material, checks: Sequence[Check], on_progress: OnProgress | None = None) -> Material:
    """Decode each item once, measure it, and show it to the checks of single items; nothing of its content is kept.

    Raises:
        PoolError: An item cannot be read any more.
    """
    pool, content = material.pool, material.pool.form.content
    looks = [check for check in checks if check.look]
    if not looks and content is None:
        return replace(material, survey=Survey({}), looked={})
    found: dict[str, list[Finding]] = {check.name: [] for check in looks}
    gathering = Gathering(len(pool))
    for row, item in enumerate(pool.ids):
        media: Any = pool.read(row)
        if content is not None:
            gathering.add(row, content.traits(media, partial(pool.content, row)))
        for check in looks:
            why = check.look(media) if check.look else None
            if why is not None:
                found[check.name].append(Finding(item, why))
        if row % 64 == 63 or row + 1 == len(pool):
            tell(on_progress, "items", row + 1, len(pool))
    return replace(
        material, survey=gathering.survey(), looked={name: tuple(findings) for name, findings in found.items()}
    )


def run_checks(material: Material, checks: Sequence[Check]) -> dict[str, tuple[Finding, ...]]:
    """Run checks and return their findings by name; without vectors, the checks that need them are left out.

    Raises:
        PoolError: An item cannot be read any more.

    Example:
        >>> from activessl.pool.checks.base import Check
        >>> material = Material(pool=None, survey=Survey({}), looked={})
        >>> run_checks(material, [Check("late", "too late", find=lambda _: [Finding("a", "by a day")])])
        {'late': (Finding(id='a', why='by a day', of='', aside=True),)}
    """
    made = [check for check in checks if material.vectors is not None or not check.needs_vectors]
    if material.survey is None or material.looked is None:
        material = seen(material, made)
    looked = material.looked or {}
    found = {check.name: tuple(check.find(material)) if check.find else () for check in made}
    return {name: findings + looked.get(name, ()) for name, findings in found.items()}


def size_text(item: Item, form: Form) -> str:
    """The size of an item as it is written after a finding: width × height of a picture, else its shape."""
    shape = item.shape[1::-1] if form.shown == "picture" and len(item.shape) == 3 else item.shape
    return " × ".join(map(str, shape))
