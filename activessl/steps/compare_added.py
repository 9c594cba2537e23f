"""Compare the items that were added with those that were there before."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from activessl.encoders.embeddings import Embeddings
from activessl.errors import MeasureError
from activessl.ledger.schema import Compared
from activessl.measuring.drift.compare import compare_samples
from activessl.measuring.drift.regions import new_regions
from activessl.measuring.drift.units import FEWEST
from activessl.pool.groups import numbered
from activessl.pool.progress import OnProgress, tell
from activessl.project.folder import Project
from activessl.project.metadata import groups_of

#: Spawn key of the seed of the permutations.
_SEED = 35


def compare_added(
    project: Project, alike: Callable[[], Embeddings], on_progress: OnProgress | None = None
) -> Compared | None:
    """Compare the items that were added since the last comparison with all others, for the ledger.

    Needs the project's lock. A comparison that was interrupted is made at the next call.

    Args:
        project: The project, whose pool is encoded.
        alike: Makes the vectors of the pool, of an encoder that treats old and new items alike.
        on_progress: Called with the stage "compare".

    Returns:
        The comparison; None without added items, or with too few of them: they wait for more.
    """
    history = project.history()
    waiting = set(history.uncompared)
    if not waiting:
        return None
    embeddings = alike()
    is_new = np.array([item in waiting for item in embeddings.ids], dtype=bool)
    new, old = np.flatnonzero(is_new), np.flatnonzero(~is_new)
    if len(new) < FEWEST or len(old) < FEWEST:
        return None
    groups, data = None, project.config.data
    if data.grouped:
        number = numbered(groups_of(data, project.data, project.metadata, embeddings.ids))
        groups = number[old], number[new]
    seed = [project.config.seed, history.events, _SEED]
    samples = embeddings.vectors[old], embeddings.vectors[new]
    try:
        found = compare_samples(
            *samples,
            rng=np.random.default_rng(seed),
            groups=groups,
            on_share=lambda share: tell(on_progress, "compare", round(100 * share), 100),
        )
    except MeasureError:  # too few items that differ from each other
        return None
    regions = new_regions(*samples, rng=np.random.default_rng([*seed, 1]), groups=groups) if found.drift else ()
    event = Compared(
        fingerprint=embeddings.fingerprint,
        added=tuple(embeddings.ids[row] for row in new),
        old=found.old,
        new=found.new,
        statistic=found.statistic,
        p_classifier=found.p_classifier,
        p_kernel=found.p_kernel,
        p_neighbours=found.p_neighbours,
        p=found.p,
        level=found.level,
        drift=found.drift,
        regions=tuple(tuple(embeddings.ids[new[row]] for row in region.rows) for region in regions),
        turn=history.events,
    )
    project.append(event)
    return event
