"""The random labels of a project, and the items that they are a sample of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.project.snapshot import Snapshot


@dataclass(frozen=True)
class RandomLabels:
    """The random labels of a project: positions, propensities and rounds.

    Attributes:
        at: (m,) positions among the training labels.
        chance: (m,) propensities.
        rounds: (m,) round of each draw.
        newer: Items that were added after these draws: figures from these labels do not cover them.
        until: The last round before these draws; items that were added later are the newer ones.
    """

    at: Int[np.ndarray, " m"]
    chance: Float[np.ndarray, " m"]
    rounds: Int[np.ndarray, " m"]
    newer: int = 0
    until: int = 0


def random_labels(snapshot: Snapshot, enough: int, *, uniform: bool = False) -> RandomLabels:
    """Return random labels that are all a sample of the same items: those that existed at each draw.

    A draw does not cover items that were added later. Therefore either the older draws are left out, if ``enough``
    newer ones are labeled, or the newer items are not covered.

    Args:
        snapshot: The project at one moment.
        enough: Number of newer labels from which on the older draws are left out.
        uniform: Use only items that were drawn with the same probability as every other unlabeled item: none from
            before the last round of clusters, and none that was confirmed with its cluster.
    """
    history, ids, rows = snapshot.history, snapshot.embeddings.ids, snapshot.training[0]
    facts: dict[str, tuple[float, int]] = {}
    answered = {a.question for a in history.answers.values() if a.kind == "label"}
    # clusters take the items of high confidence out of the pool: an earlier draw is no sample of the remaining items
    confirmed = max((r.number for r in history.rounds if r.confirms), default=0) if uniform else 0
    for r in history.rounds:
        for question in r.questions:
            item, drawn = question.item, question.propensity
            if question.kind == "confirm":
                for shown in question.items:
                    facts.pop(shown, None)
            elif question.asking > 1:
                # an item that was confirmed with its cluster and then drawn counts once it is labeled as a single item
                if drawn is not None and not uniform and question.id in answered:
                    facts[item] = (drawn, r.number)
            else:
                # drawn without an answer, then asked for another reason: the answer is not that of a random item
                facts.pop(item, None)
                if drawn is not None and (question.uniform or not uniform) and r.number > confirmed:
                    facts[item] = (drawn, r.number)
    # labels that the encoder was fine-tuned on cannot test a model on top of it
    learned = frozenset() if history.tuned is None else frozenset(history.tuned.taught)
    facts = {item: fact for item, fact in facts.items() if item not in learned}
    # a label counts only if it decides on every class
    whole = snapshot.kind.complete(snapshot.training[1])
    at = np.array([i for i, row in enumerate(rows) if ids[row] in facts and whole[i]], dtype=np.int64)
    chance = np.array([facts[ids[rows[i]]][0] for i in at], dtype=float)
    number = np.array([facts[ids[rows[i]]][1] for i in at], dtype=np.int64)
    late = np.array([history.late.get(i, 0) for i in ids], dtype=np.int64)
    came = late[rows[at]]
    moments = sorted({history.forgotten, *late[late > history.forgotten].tolist()}, reverse=True)
    uses = [(number > moment) & (came <= moment) for moment in moments]
    last = next((i for i, use in enumerate(uses) if use.sum() >= enough), len(uses) - 1)
    until, use = moments[last], uses[last]
    return RandomLabels(at[use], chance[use], number[use], int(np.sum(late > until)), until)
