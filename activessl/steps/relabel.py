"""Which of a project's labels are doubted, by all answers about them and the labels around, and are asked once more."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from jaxtyping import Float, Int

from activessl.heads.leave_one_out import left_out_probs
from activessl.heads.softmax import shared_span
from activessl.labels.answers import Answer, class_text
from activessl.labels.consensus import NO_ANSWER
from activessl.labels.decisions import one_kind
from activessl.labels.doubts import Suspect, how_many_again, label_doubts
from activessl.labels.merge import could_say
from activessl.labels.questions import Question
from activessl.project.snapshot import Snapshot

#: A label is suspect when it is more likely wrong than right.
SUSPECT = 0.5
#: Below this a label is not asked about again, whatever share of the round is meant for that.
LEAST_DOUBT = 0.05
#: Nobody is asked about an item more often than this.
MOST_ASKINGS = 3
#: With fewer labels than this, what they say of each other is not worth a question.
FEWEST_TO_DOUBT = 20


@dataclass(frozen=True)
class Doubts:
    """What may be wrong of the labels of a project. Computed when first asked for, and kept.

    Args:
        snapshot: The project at one moment.
    """

    snapshot: Snapshot

    @cached_property
    def labels(self) -> Float[np.ndarray, " m"]:
        """The probability that each label of ``Snapshot.training`` is wrong, by all its answers and the labels around
        it; multi-label, that it is wrong in its most doubtful class."""
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        if snapshot.multi_label:
            return np.asarray(self._class_by_class.max(axis=1, initial=0.0))
        if one_kind(y):
            return np.zeros(len(y))
        k = len(snapshot.project.config.data.classes)
        return label_doubts(self._answers(), y, left_out_probs(snapshot.points[rows], y, k))

    @cached_property
    def _class_by_class(self) -> Float[np.ndarray, "m k"]:
        """The probability that an item was wrongly given, or not given, each class, asked about each on its own."""
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        doubts = np.zeros(y.shape)
        with shared_span():
            for k, name in enumerate(snapshot.project.config.data.classes):
                known = np.flatnonzero(y[:, k] >= 0)
                if len(known) and not one_kind(y[known, k]):
                    said = left_out_probs(snapshot.points[rows[known]], y[known, k], 2)
                    doubts[known, k] = label_doubts(self._answers(name)[known], y[known, k], said)
        return doubts

    def _answers(self, of: str | None = None) -> Int[np.ndarray, "m a"]:
        """What each annotator says now of each label: class indices, -1 for nothing.

        Args:
            of: A class: then 1 where they gave it, 0 where they did not, and -1 where they could not.
        """
        snapshot, (people, given) = self.snapshot, self._given
        index = {name: k for k, name in enumerate(snapshot.project.config.data.classes)}
        table = np.full((len(given), len(people)), NO_ANSWER)
        for row, answers in zip(table, given, strict=True):
            for answer in answers:  # oldest first: a newer one of the same person replaces it
                if of is None:
                    row[people[answer.annotator]] = index[answer.classes[0]]
                elif could_say(answer, of, snapshot.history.since):
                    row[people[answer.annotator]] = of in answer.classes
        return table

    @cached_property
    def _given(self) -> tuple[dict[str, int], list[tuple[Answer, ...]]]:
        """A number for everybody who answered, and the answers about each label."""
        snapshot = self.snapshot
        given = [snapshot.history.labels[snapshot.embeddings.ids[row]].answers for row in snapshot.training[0]]
        return {who: i for i, who in enumerate(sorted({a.annotator for one in given for a in one}))}, given

    def suspects(self) -> list[Suspect]:
        """Labels that are more likely wrong than right, the most doubtful first."""
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        if snapshot.probs is None or not len(rows):
            return []
        found = []
        for i in np.argsort(-self.labels, kind="stable"):
            if self.labels[i] <= SUSPECT:
                break
            if snapshot.multi_label:
                instead = np.where(self._class_by_class[i] > SUSPECT, 1 - y[i], y[i])
            else:
                others = snapshot.probs[rows[i]].copy()
                others[y[i]] = -1
                instead = others.argmax()
            item = snapshot.embeddings.ids[rows[i]]
            found.append(
                Suspect(
                    item=item,
                    given=class_text(snapshot.named(y[i])),
                    instead=class_text(snapshot.named(instead)),
                    doubt=float(self.labels[i]),
                    annotators=snapshot.history.labels[item].annotators,
                )
            )
        return found

    def again(self, query_size: int, share: float | Literal["auto"]) -> tuple[Question, ...]:
        """What to ask about once more in the next round, the most doubtful first.

        Args:
            query_size: Questions that the round has for new items and labels that are doubted.
            share: Of them about labels that are there, in [0, 1]; "auto" decides by how doubtful these are beside how
                unsure the head is of items that could be asked instead, and takes at most half of the round.
        """
        snapshot, (rows, _) = self.snapshot, self.snapshot.training
        if share == 0 or snapshot.probs is None or len(rows) < FEWEST_TO_DOUBT:
            return ()
        history, ids = snapshot.history, [snapshot.embeddings.ids[r] for r in rows]
        asked = history.askings
        never = {a.item for a in history.answers.values() if a.kind == "skip"} | history.missing
        may = np.array([asked[item] < MOST_ASKINGS and item not in never for item in ids])
        doubts = np.where(may, self.labels, 0.0)
        if share == "auto":
            # of a new item and of a label alike: that anything about it is wrong
            whole = 1 - np.prod(1 - self._class_by_class, axis=1) if snapshot.multi_label else doubts
            whole = np.where(may, whole, 0.0)
            count = min(how_many_again(whole, 1 - snapshot.sure[snapshot.free], query_size), query_size // 2)
        else:
            count = round(share * query_size)
        worst = np.argsort(-doubts, kind="stable")[:count]
        by_item = {s.item: s for s in self.suspects()}
        out = []
        for i in worst[doubts[worst] > LEAST_DOUBT]:
            item = ids[i]
            why = f"labeled before, and wrong with probability {doubts[i]:.0%} as the labels around it say"
            if item in by_item:
                why += f"; rather {by_item[item].instead} than {by_item[item].given}"
            out.append(
                Question.about(item, "again", asking=history.next_asking(item), score=float(doubts[i]), reason=why)
            )
        return tuple(out)
