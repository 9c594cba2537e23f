"""Compare encoders on a pool: without labels by the items they recognise, with labels by accuracy."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Int

from activessl.encoders.base import Encoder
from activessl.encoders.health import effective_rank
from activessl.encoders.registry import fit_encoder
from activessl.encoders.views import varied
from activessl.errors import ActiveSSLError, EncoderError, MeasureError
from activessl.geometry.units import centred_rows
from activessl.heads.folds import fold_predictions
from activessl.labels.kinds import Labels, kind_of, one_kind
from activessl.measuring.intervals import paired_difference, share_interval
from activessl.pool.pool import Pool
from activessl.pool.progress import OnProgress, tell

#: Most labeled items, and most other items, that encoders are compared on.
ITEMS = 2_000
#: Labels below which accuracy is not stated, and items below which encoders are not compared.
FEWEST = 10


@dataclass(frozen=True, slots=True)
class Compared:
    """The figures of one encoder.

    Attributes:
        encoder: Its name.
        why: Why it could not be tried; empty if it was tried, and then the figures below are set.
        dim: Length of its vectors.
        seconds: Time of fitting it and encoding the items.
        rank: Effective rank (RankMe), 1 to ``dim``: the number of dimensions in use.
        recognised: Share of the items whose changed copy is nearest to the item itself; None where items cannot be
            changed (vectors).
        accuracy: Cross-validated accuracy of a head that is taught all labels (5 folds) on the random labels; None with
            fewer than 10 of these. Labels that a strategy chose are harder than the pool, for some encoders more than
            for others.
        low: Lower end of the exact 90 % interval of the accuracy, or None.
        high: Upper end of that interval, or None.
        labels: Number of random labels.
        behind: 90 % interval of the best encoder's accuracy minus this one's, on the same labels; None for the best
            one, and without accuracies.
    """

    encoder: str
    why: str = ""
    dim: int = 0
    seconds: float = 0.0
    rank: float = 0.0
    recognised: float | None = None
    accuracy: float | None = None
    low: float | None = None
    high: float | None = None
    labels: int = 0
    behind: tuple[float, float] | None = None

    def to_dict(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return asdict(self)


def compare_encoders(
    pool: Pool,
    requests: Sequence[tuple[str, Mapping[str, Any]]],
    *,
    minutes: float = 1.0,
    seed: int = 0,
    labels: Mapping[str, int | tuple[int, ...]] | None = None,
    drawn: Collection[str] = (),
    n_classes: int = 0,
    items: int = ITEMS,
    on_progress: OnProgress | None = None,
) -> tuple[Compared, ...]:
    """Fit several encoders to the same part of a pool and compare their vectors.

    The part holds at most ``items`` labeled items, random ones first, and at most ``items`` others, both drawn at
    random. The best encoder comes first: by accuracy on the random labels where every encoder that could be tried has
    one, else by the share of items recognised, else by effective rank. Which encoder suits a project's classes is
    measured only with labels; the figures without labels tell a broken encoder from a working one.

    Args:
        pool: The items.
        requests: Names of encoders and their settings.
        minutes: Training time of each encoder.
        seed: Seed of the sample, the encoders, the views and the folds.
        labels: Class index of each labeled item, by id; a row of 0 and 1 where items may have several classes.
        drawn: The labeled items that were drawn at random: accuracy is measured on these.
        n_classes: How many classes there are.
        items: Most labeled items, and most others.
        on_progress: Called when each encoder starts and finishes.

    Raises:
        MeasureError: No encoder, or fewer than 10 items.

    References:
        Garrido et al., RankMe, ICML 2023 (arXiv:2210.02885): the rank and its limits.
        Agresti & Min, Statistics in Medicine 2005: the difference on the same labels.
    """
    if not requests:
        raise MeasureError("no encoder to compare", hint="name at least one encoder")
    if len(pool) < FEWEST:
        raise MeasureError(
            f"a pool of {len(pool)} items is too small to compare encoders", hint=f"use at least {FEWEST} items"
        )
    rng = np.random.default_rng([seed, 9])
    given = sorted(item for item in labels or {} if item in pool)
    fair = frozenset(drawn)
    random_first = sorted(rng.permutation(len(given)).tolist(), key=lambda i: given[i] not in fair)
    given = [given[i] for i in sorted(random_first[:items])]
    known = {item: (labels or {})[item] for item in given}
    free = [item for item in pool.ids if item not in known]
    drawn = rng.choice(len(free), min(items, len(free)), replace=False)
    chosen = known.keys() | {free[int(i)] for i in drawn}
    part = pool.subset(item for item in pool.ids if item in chosen)
    rows = np.array([i for i, item in enumerate(part.ids) if item in known], dtype=np.int64)
    y = np.array([known[part.ids[i]] for i in rows], dtype=np.int64)
    judged = np.array([part.ids[i] in fair for i in rows], dtype=bool)

    found = []
    with tempfile.TemporaryDirectory() as folder:
        for turn, (name, settings) in enumerate(requests):
            tell(on_progress, f"compare {name}", 0, 1)
            where = Path(folder) / str(turn)
            found.append(_figures(name, settings, part, rows, y, judged, n_classes, minutes, seed, where))
            tell(on_progress, f"compare {name}", 1, 1)
    order = _order([one for one, _ in found])
    best, *others = sorted(found, key=lambda pair: order(pair[0]))
    return (best[0], *(replace(one, behind=_behind(best[1], right)) for one, right in others))


def _behind(best: Bool[np.ndarray, " r"] | None, right: Bool[np.ndarray, " r"] | None) -> tuple[float, float] | None:
    """90 % interval of the best encoder's accuracy minus another's; None where one of them has no accuracy."""
    if best is None or right is None:
        return None
    return paired_difference(int(np.sum(best & ~right)), int(np.sum(right & ~best)), len(best))


def _figures(
    name: str,
    settings: Mapping[str, Any],
    pool: Pool,
    rows: Int[np.ndarray, " m"],
    y: Labels,
    judged: Bool[np.ndarray, " m"],
    n_classes: int,
    minutes: float,
    seed: int,
    folder: Path,
) -> tuple[Compared, Bool[np.ndarray, " r"] | None]:
    """The figures of an encoder, and which random labels a head on its vectors predicts right."""
    start = time.monotonic()
    try:
        encoder = fit_encoder(name, pool, folder=folder, seed=seed, minutes=minutes, **settings)
        raw = _encode(encoder, pool)
        seconds = time.monotonic() - start
        recognised = None
        if pool.form.vary is not None:
            seen = _encode(encoder, varied(pool, seed))
            recognised = recognised_share(raw, seen)
    except ActiveSSLError as error:  # a missing extra or an unreachable hub stops this encoder only
        return Compared(name, why=error.message), None
    called = name if encoder.name == name else f"{name} ({encoder.name})"
    figures = Compared(called, "", encoder.dim, seconds, effective_rank(raw), recognised)
    labels = int(judged.sum())
    if labels < FEWEST or one_kind(y):
        return figures, None
    right = left_out_right(centred_rows(raw)[rows], y, n_classes, seed)[judged]
    low, high = share_interval(int(right.sum()), labels)
    return replace(figures, accuracy=float(right.mean()), low=low, high=high, labels=labels), right


def _encode(encoder: Encoder, pool: Pool) -> Float[np.ndarray, "n d"]:
    vectors = np.concatenate([np.asarray(batch, dtype=np.float32) for batch in encoder.batches(pool, 256)])
    if not np.all(np.isfinite(vectors)):
        raise EncoderError(f"encoder {encoder.name!r} returned NaN or infinity", hint="report it to its author")
    return vectors


def recognised_share(vectors: Float[np.ndarray, "n d"], seen: Float[np.ndarray, "n d"]) -> float:
    """Compute the share of items whose view is nearer to the item than to any other, by cosine after centering.

    Args:
        vectors: Vectors of the items.
        seen: Vectors of one view of each item.

    Example:
        >>> recognised_share(np.eye(3), np.eye(3)), recognised_share(np.eye(3), np.eye(3)[[1, 2, 0]])
        (1.0, 0.0)
    """
    mean = vectors.mean(axis=0)
    views, rows = centred_rows(seen, mean), centred_rows(vectors, mean)
    right = 0
    for start in range(0, len(rows), 1024):
        near = views[start : start + 1024] @ rows.T
        at = np.arange(len(near))
        own = near[at, start + at]
        near[at, start + at] = -np.inf
        right += int(np.sum(own > near.max(axis=1)))
    return right / len(rows)


def left_out_right(x: Float[np.ndarray, "m d"], y: Labels, n_classes: int, seed: int) -> Bool[np.ndarray, " m"]:
    """Whether a logistic head that was taught the other folds predicts each label right (5 folds).

    Example:
        >>> bool(left_out_right(np.repeat(np.eye(2), 10, axis=0), np.repeat([0, 1], 10), 2, 0).all())
        True
    """
    said = fold_predictions(x, y, head="logistic", n_classes=n_classes, seed=seed)
    return np.asarray(kind_of(y).same(said, y), dtype=bool)


def _order(found: Sequence[Compared]) -> Any:
    tried = [one for one in found if not one.why]
    figure = next(
        (key for key in ("accuracy", "recognised") if all(getattr(one, key) is not None for one in tried)), "rank"
    )
    return lambda one: (bool(one.why), 0.0 if one.why else -float(getattr(one, figure)))
