"""What is known of a project's model, as it was last measured: kept beside the project's other caches, and read again
without the vectors, a head or any arithmetic, so that to say it takes no time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from activessl.ledger.history import History
from activessl.ledger.schema import AUDIT, CONFIRM
from activessl.measuring.quality.audit import Audit
from activessl.measuring.quality.classes import ClassQuality
from activessl.measuring.savings.estimated import LiveSavings
from activessl.project.config import Config
from activessl.project.folder import Project, write_atomic

#: Written into what is kept, so that figures of an older way of estimating are not shown.
VERSION = 7
#: Of what is kept, what ``Measured`` takes.
_PARTS = ("audit", "live", "classes", "newer", "gone", "random_labels")


@dataclass(frozen=True)
class Measured:
    """How good a project's model is, and what it saved.

    Attributes:
        audit: The accuracy on the pool; None while too few random labels say it.
        live: The labels saved so far; None while they cannot be estimated.
        classes: How good the model is at each class; empty while that is not known.
        newer: Items that came after the random labels were drawn.
        gone: Labels of items that have no vector any more.
        random_labels: Labels of the random share that say how good the model is, or will once there are enough.
    """

    audit: Audit | None = None
    live: LiveSavings | None = None
    classes: tuple[ClassQuality, ...] = ()
    newer: int = 0
    gone: int = 0
    random_labels: int = 0


def kept_measures(project: Project, history: History) -> Measured | None:
    """What was kept of just these labels; None where it has to be measured.

    Where nothing can be measured yet, nothing stands.
    """
    encoded = history.encoded
    if encoded is None or (history.taught is None and not history.labels):
        return Measured()
    # without the vectors the figures cannot be made again: then that has to be said
    if not (project.folder / "embeddings" / encoded.fingerprint).is_dir():
        return None
    kept = read_kept(project, key_of(history, project.config))
    if not kept.keys() >= set(_PARTS):
        return None
    if history.taught is None:
        return Measured(gone=int(kept["gone"]))
    audit, live = kept["audit"], kept["live"]
    try:
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
    """What was measured under this key; empty where it was something else."""
    try:
        found = json.loads((project.folder / "reports" / "evidence.json").read_text(encoding="utf-8"))
        return dict(found) if found["key"] == key else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def write_kept(project: Project, key: str, measured: Mapping[str, Any]) -> None:
    """Keep what was measured under this key.

    Raises:
        OSError: The folder cannot be written.
    """
    folder = project.folder / "reports"
    folder.mkdir(exist_ok=True)
    write_atomic(folder / "evidence.json", json.dumps({**measured, "key": key}, allow_nan=False).encode())


def key_of(history: History, config: Config) -> str:
    """Names all that the figures are made of: while it is the same, they are.

    Of what was asked only that counts which has a label since: a round that was just opened changes no figure.
    """
    fingerprint = "" if history.encoded is None else f"{history.encoded.fingerprint}:{history.encoded.items}"
    answered = {answer.question for answer in history.answers.values() if answer.kind == "label"}
    asked = [
        (r.number, q.kind, q.asking, q.propensity, q.uniform, q.id in answered, known)
        for r in history.rounds
        for q in r.questions
        if (known := [item for item in q.items if item in history.labels])
    ]
    tested = None if history.taught is None or history.taught.per_class is None else history.taught.per_class
    told = (
        (VERSION, history.digest(), fingerprint, config.head.name, config.seed, config.data.columns),
        (sorted(history.only_confirmed), sorted(history.late.items()), history.forgotten),
        (None if tested is None else sorted(tested.items()), sorted(chosen_by(history)), asked),
    )
    return sha256(repr(told).encode()).hexdigest()


def chosen_by(history: History) -> frozenset[str]:
    """The strategies that chose what to ask; empty where nothing but chance did."""
    return frozenset(
        r.queried.strategy
        for r in history.rounds
        if r.queried.strategy != "random" and any(q.propensity is None for q in r.questions)
    ) - {AUDIT, CONFIRM}


def unsaid_text(history: History) -> str:
    """Why there is no estimate of the labels saved, where there is none."""
    return "too few random labels yet" if chosen_by(history) else "nothing but chance chose"


def newer_text(history: History, newer: int) -> str:
    """How many items the measures say nothing of; empty where they are about all.

    Args:
        history: Of the project.
        newer: Items that came after the random labels were drawn.
    """
    # of the random share, what was answered with a class that the project does not have (any more)
    outside = {a.item for a in history.quarantined}
    aside = len((outside & history.drawn) - history.labels.keys())
    said = [f"{newer:,} items came after these random labels were drawn, and are not covered by them"] * (newer > 0)
    if aside:
        said.append(
            f"{aside:,} random items were given a class that the project does not have: items like these are not "
            "counted, and the model is wrong about all of them"
        )
    return "; ".join(said)


def tested_items(history: History) -> int:
    """Test items that the class figures rest on; 0 where they rest on the random share."""
    taught = history.taught
    return (taught.test_items or 0) if taught is not None and taught.per_class is not None else 0
