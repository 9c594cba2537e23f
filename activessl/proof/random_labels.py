"""The random share of a project: which of its labels were drawn by chance, and of what they are a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from activessl.project.snapshot import Snapshot


@dataclass(frozen=True)
class RandomLabels:
    """The random share of a project: which of its labels were drawn at random, when, and with what probability.

    Attributes:
        at: (m,) positions among the training labels.
        chance: (m,) the propensities.
        rounds: (m,) in which round.
        newer: Items that came after these draws: nothing that rests on them is about these.
        until: The last round that is not among them; items that came later are the newer ones.
    """

    at: Int[np.ndarray, " m"]
    chance: Float[np.ndarray, " m"]
    rounds: Int[np.ndarray, " m"]
    newer: int = 0
    until: int = 0


def random_labels(snapshot: Snapshot, enough: int, *, uniform: bool = False) -> RandomLabels:
    """Random labels that are a sample of the same items: all that were there at each of the draws.

    A draw says nothing of items that came later. So either the older draws are left out, where ``enough`` newer
    ones are labeled, or else the newer items.

    Args:
        snapshot: The project at one moment.
        enough: So many labels make it unnecessary to use those from before the last items came.
        uniform: Only those that were drawn with the same chance as every other item that is left: none from before
            the last round of clusters, and none that was confirmed with its cluster.
    """
    history, ids, rows = snapshot.history, snapshot.embeddings.ids, snapshot.training[0]
    facts: dict[str, tuple[float, int]] = {}
    answered = {a.question for a in history.answers.values() if a.kind == "label"}
    # what the model was sure of was taken out of the pool then: a draw from before is none of what is left
    confirmed = max((r.number for r in history.rounds if r.confirms), default=0) if uniform else 0
    for r in history.rounds:
        for question in r.questions:
            item, drawn = question.item, question.propensity
            if question.kind == "confirm":
                for shown in question.items:
                    facts.pop(shown, None)
            elif question.asking > 1:
                # of what was confirmed with its cluster, some is drawn: then it counts when it was looked at alone
                if drawn is not None and not uniform and question.id in answered:
                    facts[item] = (drawn, r.number)
            else:
                # asked for another reason after it was drawn in vain: then its answer is not that of a random item
                facts.pop(item, None)
                if drawn is not None and (question.uniform or not uniform) and r.number > confirmed:
                    facts[item] = (drawn, r.number)
    # what the encoder itself has learned is no test of anything that looks through it
    learned = frozenset() if history.tuned is None else frozenset(history.tuned.taught)
    facts = {item: fact for item, fact in facts.items() if item not in learned}
    # nor is a label that does not say of each class whether the item has it
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
