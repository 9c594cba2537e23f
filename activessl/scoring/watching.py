"""Watch a model in use: whether the items that it gets are still of the kind that it was made from."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from activessl.errors import EncoderError, HeadError, MeasureError
from activessl.measuring.drift.compare import Comparison, compare_samples
from activessl.measuring.drift.looks import level_of_look
from activessl.measuring.drift.regions import new_regions
from activessl.measuring.drift.units import FEWEST
from activessl.pool.groups import group_names, numbered
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell
from activessl.scoring.model import BATCH, Model
from activessl.scoring.reference import Reference
from activessl.scoring.watch_state import Look, WatchState

#: An item is far if at most this share of the reference items is as far from the others.
FAR = 0.01
#: Numbers of the groups of the reference and of the items.
Groups = tuple[Int[np.ndarray, " r"], Int[np.ndarray, " m"]]
#: Spawn key of the seed of the permutations.
_SEED = 37


@dataclass(frozen=True)
class Watched:
    """The result of one look at the items of a model in use.

    Attributes:
        model: Digest of the model.
        items: Number of readable items.
        unreadable: Number of items that cannot be read.
        far: Share of the items whose nearest reference item is farther than that of 99 % of the reference items;
            without drift about 0.01.
        confidence: Mean probability of the predicted class.
        look: Number of this look, from 1; 0 where nothing was compared.
        comparison: The comparison with the reference; None where there are too few items.
        why: The reason why nothing was compared; empty where it was.
        regions: Ids of items where few items of the reference are, the most typical first; by region.
        repeated: Whether these are the items of the look before, which is then no further look.
        since: The look of the first alarm; None without one.
        seen: Number of different items of all looks.
        strange_folders: Folders of the items that are named like no class, where others are named like classes.
    """

    model: str
    items: int
    unreadable: int
    far: float
    confidence: float
    look: int
    comparison: Comparison | None
    why: str
    regions: tuple[tuple[str, ...], ...]
    repeated: bool
    since: int | None
    seen: int
    strange_folders: tuple[str, ...] = ()

    @property
    def drift(self) -> bool:
        """Whether this look, or one before, found a difference: an alarm stays until another model is watched."""
        return self.since is not None

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        compared = None if self.comparison is None else self.comparison.to_dict()
        own = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "comparison"}
        return own | {"comparison": compared, "drift": self.drift}


def watch(
    model: Model, digest: str, items: Pool, state: WatchState, on_progress: OnProgress | None = None
) -> tuple[Watched, WatchState]:
    """Compare items with the reference sample of a model.

    Every look compares all of ``items`` with the reference, at the level of its number, so that all looks together
    raise a false alarm with a probability of 5 % at most. A look at the same items again is the same look.

    Args:
        model: The model, with a reference sample.
        digest: Digest of the model.
        items: The items that the model gets.
        state: What was seen before.
        on_progress: Called with the stages "score" and "compare".

    Returns:
        The result, and the state for the next look.

    Raises:
        HeadError: The model has no reference sample, or the state is that of another model.
        EncoderError: Items of another form of data.
    """
    if items.modality != model.modality:
        raise EncoderError(
            f"a model of {model.modality} cannot watch {items.modality}", hint=f"give it {model.modality} items"
        )
    if model.reference is None:
        raise HeadError(
            "the model has no reference sample to compare with",
            hint="run `activessl export model` again in its project, which must have 80 items or groups at least",
        )
    state = state.of(digest)
    scores = model.score(items, on_progress=on_progress)
    sure = float(np.mean(scores.kind.sureness(scores.probs)))
    encoder = model.reference.encoder or model.encoder
    later = np.concatenate(list(encoder.batches(items.ordered(model.axes), BATCH)))
    far = _far(model.reference.vectors, later)
    found: Comparison | None = None
    regions: tuple[tuple[str, ...], ...] = ()
    why, number, same = "", 0, False
    groups = _groups(model.reference, items)
    units = len(items) if groups is None else len(set(groups[1].tolist()))
    listed = sha256("\n".join(sorted(item.sha256 for item in items.items)).encode()).hexdigest()
    if units < FEWEST:
        one = "group" if groups is not None else "item"
        why = f"{units:,} {one}{'s' * (units != 1)}, and a comparison needs {FEWEST}"
    else:
        same = bool(state.looks) and state.looks[-1].listed == listed
        number = len(state.looks) + (not same)
        try:
            found, regions = _compared(model.reference, later, items.ids, groups, number, on_progress)
        except MeasureError as error:  # too few items that differ from each other
            why, number, same = error.message, 0, False
        if found is not None and not same:
            state = state.after(Look(listed, found.p, found.level, found.drift), [i.sha256 for i in items.items])
    told = Watched(
        model=digest,
        items=len(items),
        unreadable=len(items.unreadable),
        far=far,
        confidence=sure,
        look=number,
        comparison=found,
        why=why,
        regions=regions,
        repeated=same,
        since=state.alarm,
        seen=len(state.seen),
        strange_folders=_strange(items, model.classes),
    )
    return told, state


def _groups(reference: Reference, items: Pool) -> Groups | None:
    """The groups of the reference and of the items, as numbers that are equal for equal names."""
    if reference.groups is None:
        return None
    number = numbered([*reference.groups, *group_names(reference.pattern, items.ids)])
    return number[: len(reference.groups)], number[len(reference.groups) :]


def _compared(
    reference: Reference,
    later: Float[np.ndarray, "m d"],
    ids: tuple[str, ...],
    groups: Groups | None,
    number: int,
    on_progress: OnProgress | None,
) -> tuple[Comparison, tuple[tuple[str, ...], ...]]:
    found = compare_samples(
        reference.vectors,
        later,
        rng=np.random.default_rng([number, _SEED]),
        groups=groups,
        level=level_of_look(number),
        on_share=lambda share: tell(on_progress, "compare", round(100 * share), 100),
    )
    if not found.drift:
        return found, ()
    regions = new_regions(reference.vectors, later, rng=np.random.default_rng([number, _SEED, 1]), groups=groups)
    return found, tuple(tuple(ids[row] for row in region.rows) for region in regions)


def _far(reference: Float[np.ndarray, "r d"], later: Float[np.ndarray, "m d"]) -> float:
    """The share of later items that are farther from the reference than 99 % of its own items are from the others.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> round(_far(rng.normal(size=(500, 8)), np.r_[rng.normal(size=(90, 8)), np.full((10, 8), 9.0)]), 1)
        0.1
    """
    mean = np.mean(reference, axis=0, dtype=np.float64)
    # not of unit length: an item that is far out has the direction of many others
    old, new = (np.asarray(part - mean, dtype=np.float32) for part in (reference, later))
    own = _nearest(old, old, 1)
    return float(np.mean(_nearest(new, old, 0) > np.quantile(own, 1 - FAR)))


def _nearest(rows: Float[np.ndarray, "m d"], base: Float[np.ndarray, "n d"], skip: int) -> Float[np.ndarray, " m"]:
    """The squared distance of each row to the nearest base row, without the ``skip`` nearest."""
    length, out = np.einsum("ij,ij->i", base, base), np.empty(len(rows))
    for start in range(0, len(rows), 1024):
        block = rows[start : start + 1024]
        apart = np.einsum("ij,ij->i", block, block)[:, None] + length - 2 * block @ base.T
        out[start : start + 1024] = np.partition(apart, skip, axis=1)[:, skip]
    return out


def _strange(items: Pool, classes: tuple[str, ...]) -> tuple[str, ...]:
    """The folders that are named like no class, if at least half of the items lie in folders named like classes.

    Example:
        >>> from types import SimpleNamespace
        >>> _strange(SimpleNamespace(ids=("cat/1.png", "dog/2.png", "emu/3.png")), ("cat", "dog"))
        ('emu',)
    """
    folders = Counter(PurePosixPath(item).parts[0] for item in items.ids if "/" in item)
    known = sum(count for name, count in folders.items() if name in classes)
    if not known or 2 * known < len(items.ids):
        return ()
    return tuple(sorted(name for name in folders if name not in classes))
