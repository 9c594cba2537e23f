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
from activessl.labels.doubts import Suspect, how_many_again, label_doubts
from activessl.labels.kinds import Task, one_kind
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
        it; where there may be several classes, that it is wrong in its most doubtful one."""
        return np.asarray(self._by_task.max(axis=1, initial=0.0))

    @cached_property
    def _by_task(self) -> Float[np.ndarray, "m t"]:
        """The probability that a label is wrong in each of the choices that it consists of."""
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        tasks = list(snapshot.kind.tasks(y, len(snapshot.project.config.data.classes)))
        doubts = np.zeros((len(y), len(tasks)))
        with shared_span():
            for column, task in enumerate(tasks):
                if len(task.rows) and not one_kind(task.y):
                    said = left_out_probs(snapshot.points[rows[task.rows]], task.y, task.n_classes)
                    doubts[task.rows, column] = label_doubts(self._answers(task)[task.rows], task.y, said)
        return doubts

    def _answers(self, task: Task) -> Int[np.ndarray, "m a"]:
        """What each annotator says now of each label, as far as it is about the task; -1 for nothing."""
        snapshot, (people, given) = self.snapshot, self._given
        classes, since = snapshot.project.config.data.classes, snapshot.history.since
        table = np.full((len(given), len(people)), NO_ANSWER)
        for row, answers in zip(table, given, strict=True):
            for answer in answers:  # oldest first: a newer one of the same person replaces it
                said = snapshot.kind.says(answer, task, classes, since)
                if said is not None:
                    row[people[answer.annotator]] = said
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
            instead = snapshot.kind.instead(y[i], snapshot.probs[rows[i]], self._by_task[i], SUSPECT)
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
            whole = np.where(may, 1 - np.prod(1 - self._by_task, axis=1), 0.0)
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
                Question(
                    kind="again", items=(item,), asking=history.next_asking(item), score=float(doubts[i]), reason=why
                )
            )
        return tuple(out)
