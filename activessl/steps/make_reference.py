"""Make the reference sample of a project's model, with which ``watch`` compares later items."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from activessl.measuring.drift.units import FEWEST
from activessl.pool.groups import group_names
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, say
from activessl.project.folder import Project
from activessl.project.metadata import groups_of
from activessl.project.snapshot import Snapshot
from activessl.scoring.reference import MOST, Reference
from activessl.steps.encode import fitted_encoder

#: Fewest items, or groups, of which one half can be a reference.
LEAST = 4 * FEWEST
#: Spawn key of the seed of the halves.
_SEED = 36


def make_reference(project: Project, snapshot: Snapshot, on_progress: OnProgress | None = None) -> Reference | None:
    """Fit the encoder of the config on one half of the pool, at random, and encode the other half with it.

    Whole groups are in one half. Groups of a column are not known of later items: ``watch`` then compares items. If
    the encoder is the model's own, it does not depend on the pool: then the reference is of the whole pool, and
    needs no further encoder.

    Returns:
        The reference; None for a pool of fewer than ``LEAST`` items or groups.
    """
    pool, config = project.pool(), project.config
    there = [item for item in snapshot.embeddings.ids if item in pool]
    names = groups_of(config.data, project.data, project.metadata, there)
    groups = list(dict.fromkeys(names))
    if len(groups) < LEAST:
        return None
    rng = np.random.default_rng([config.seed, _SEED])
    fits = {groups[i] for i in rng.permutation(len(groups))[: len(groups) // 2]}
    first = pool.subset(item for item, name in zip(there, names, strict=True) if name in fits)
    say(
        on_progress,
        "reference",
        "`watch` compares new items with a sample of the pool; an encoder that learned from the pool is fitted once "
        "more for it, on half of the items (`export model --no-reference` leaves this out)",
    )
    encoder = fitted_encoder(project, first, None, on_progress)

    def sample(items: Sequence[str]) -> list[str]:
        rows: list[int] = np.sort(rng.choice(len(items), min(MOST, len(items)), replace=False)).tolist()
        return [items[row] for row in rows]

    pattern = config.data.group
    if encoder.fingerprint == snapshot.embeddings.fingerprint:
        chosen = sample(there)
        vectors = np.asarray(snapshot.embeddings.vectors[[snapshot.row[item] for item in chosen]])
        return Reference(vectors, _groups(pattern, chosen), pattern)
    chosen = sample([item for item, name in zip(there, names, strict=True) if name not in fits])
    part: Pool = pool.subset(chosen)
    vectors = np.concatenate(list(encoder.batches(part, 256)))
    folder = project.folder / "encoders" / encoder.fingerprint
    return Reference(vectors, _groups(pattern, chosen), pattern, encoder, folder)


def _groups(pattern: str | None, items: Sequence[str]) -> tuple[str, ...] | None:
    return None if pattern is None else tuple(group_names(pattern, items))
