"""The last measured figures of a project's model: kept beside the project's other caches, and read again without the
vectors, a head or any arithmetic, so that ``status`` answers at once.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from activessl.ledger.draws import draws_of
from activessl.ledger.history import History
from activessl.ledger.schema import AUDIT, CONFIRM
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.classes import ClassQuality
from activessl.measuring.quality.tested import Tested
from activessl.measuring.savings.estimated import LiveSavings
from activessl.project.config import Config
from activessl.project.folder import Project
from activessl.project.metadata import groups_stamp
from activessl.sealed import write_atomic

#: Part of the key of the kept figures, so that figures of an older estimator are not shown.
VERSION = 13
#: With a larger share of labels from elsewhere, the labels saved are not an effect of this project's choice.
MOST_IMPORTED = 0.1
#: The kept figures that ``Measured`` takes.
_PARTS = ("audit", "live", "classes", "newer", "gone", "random_labels")


@dataclass(frozen=True)
class Measured:
    """Accuracy, recall and precision of a project's model, and the labels saved.

    Attributes:
        audit: The accuracy on the pool; None with too few random labels.
        live: The labels saved so far; None while they cannot be estimated.
        classes: Recall and precision of each class; empty while they are not measured.
        newer: Items that were added after the random labels were drawn.
        gone: Labels of items that no longer have a vector.
        random_labels: Random labels that count for the accuracy.
    """

    audit: Audit | None = None
    live: LiveSavings | None = None
    classes: tuple[ClassQuality, ...] = ()
    newer: int = 0
    gone: int = 0
    random_labels: int = 0


def kept_measures(project: Project, history: History) -> Measured | None:
    """Return the kept figures of exactly these labels; None where they have to be measured.

    Where nothing can be measured yet, return empty figures.
    """
    encoded = history.encoded
    if encoded is None or (history.taught is None and not history.labels):
        return Measured()
    # without the vectors the figures cannot be measured again: None lets the caller report that
    if not (project.folder / "embeddings" / encoded.fingerprint).is_dir():
        return None
    kept = read_kept(project, key_of(history, project.config, groups_stamp(project)))
    if not kept.keys() >= set(_PARTS):
        return None
    audit, live = kept["audit"], kept["live"]
    try:
        if history.taught is None:
            return Measured(gone=int(kept["gone"]))
        return Measured(
            None if audit is None else Audit(**audit),
            None if live is None else LiveSavings(**live),
            tuple(map(ClassQuality.from_dict, kept["classes"])),
            int(kept["newer"]),
            int(kept["gone"]),
            int(kept["random_labels"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def read_kept(project: Project, key: str) -> dict[str, Any]:
    """Return the figures that were kept under this key; empty for another key."""
    try:
        found = dict(json.loads((project.folder / "reports" / "evidence.json").read_text(encoding="utf-8")))
        right = found.pop("sha256", None) == _digest(found)
        return found if right and found["key"] == key else {}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}


def write_kept(project: Project, key: str, measured: Mapping[str, Any]) -> None:
    """Keep figures under this key.

    Raises:
        OSError: The folder cannot be written.
    """
    folder = project.folder / "reports"
    folder.mkdir(exist_ok=True)
    told = json.loads(json.dumps({**measured, "key": key}, allow_nan=False))  # as it will be read, for the digest
    write_atomic(folder / "evidence.json", json.dumps({**told, "sha256": _digest(told)}).encode())


def _digest(told: Mapping[str, Any]) -> str:
    return sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def key_of(history: History, config: Config, groups: str = "") -> str:
    """Return a digest of everything that the figures depend on: the same key means the same figures.

    Only questions with a label, and draws that ended, count: a round that was just opened changes no figure.
    ``groups`` is :func:`activessl.project.metadata.groups_stamp`.
    """
    fingerprint = "" if history.encoded is None else f"{history.encoded.fingerprint}:{history.encoded.items}"
    asked = [
        (r.number, q.kind, q.asking, known)
        for r in history.rounds
        for q in r.questions
        if (known := [item for item in q.items if item in history.labels])
    ]
    tested = None if history.taught is None or history.taught.per_class is None else history.taught.per_class
    draws = [  # whether a draw that ended is of the open round changes no figure
        (d.item, d.round, d.propensity, d.uniform, d.alone, d.ended, d.seen) for d in draws_of(history) if not d.pending
    ]
    came = (sorted(history.labeled_in.items()), sorted(history.set_aside_in.items()), sorted(history.missing))
    grouped = (config.data.group, groups) if groups else config.data.group
    told = (
        (draws, came),
        (VERSION, history.digest(), fingerprint, config.head.name, config.seed, config.data.columns),
        (sorted(history.only_confirmed), sorted(history.late.items()), history.forgotten, grouped),
        (None if tested is None else sorted(tested.items()), sorted(chosen_by(history)), asked),
        # the newest head says what is predicted for drawn items without a class
        None if history.taught is None else (history.taught.digest, history.taught.fingerprint, history.taught.head),
        # a machine that was taken out of the config says nothing any more
        sorted(history.said.keys() & config.machines.keys()),
    )
    return sha256(repr(told).encode()).hexdigest()


def chosen_by(history: History) -> frozenset[str]:
    """Return the strategies that chose items; empty where all items were drawn at random."""
    return frozenset(
        r.queried.strategy
        for r in history.rounds
        if r.queried.strategy != "random" and any(q.propensity is None for q in r.questions)
    ) - {AUDIT, CONFIRM}


def too_many_imported(history: History) -> int:
    """Return the number of labels about which no round of the project asked, if their share is above
    ``MOST_IMPORTED``; else 0."""
    asked = {item for r in history.rounds for item in r.items}
    other = sum(item not in asked for item in history.labels)
    return other if other > MOST_IMPORTED * len(history.labels) else 0


def unsaid_text(history: History) -> str:
    """Word the reason why there is no estimate of the labels saved."""
    other = too_many_imported(history)
    if other:
        return f"{other:,} of {len(history.labels):,} labels were not chosen by this project: they were imported"
    return "too few random labels yet" if chosen_by(history) else "no items were chosen by a strategy yet"


def newer_text(history: History, newer: int) -> str:
    """Word which items the figures do not cover; empty where they cover the whole pool.

    Args:
        history: History of the project.
        newer: Items that were added after the random labels were drawn.
    """
    # random items with an answer of a class that the project does not have, or no longer has
    outside = {a.item for a in history.quarantined}
    aside = len((outside & history.drawn) - history.labels.keys())
    said = [f"{newer:,} items were added after these random labels were drawn and are not covered"] * (newer > 0)
    if aside:
        said.append(
            f"{aside:,} random items were labeled with a class that the project does not have: the model is wrong "
            "about these, and about all items like them"
        )
    return "; ".join(said)


def accuracy_on_test_data(history: History) -> Tested | None:
    """Return the accuracy of the model on the test data; None without test data."""
    taught = history.taught
    if taught is None or taught.accuracy is None or not taught.test_items:
        return None
    return Tested(round(taught.accuracy * taught.test_items), taught.test_items)


def tested_items(history: History) -> int:
    """Return the number of test items that recall and precision rest on; 0 where they rest on random labels."""
    taught = history.taught
    return (taught.test_items or 0) if taught is not None and taught.per_class is not None else 0
