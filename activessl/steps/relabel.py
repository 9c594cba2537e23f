"""Find suspect labels by all answers about them and the labels of similar items, and ask about them again."""

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
#: Labels of a lower doubt are not asked about again, whatever share of the round is reserved for that.
LEAST_DOUBT = 0.05
#: Most questions about one item.
MOST_ASKINGS = 3
#: With fewer labels than this, no label is asked about again.
FEWEST_TO_DOUBT = 20


@dataclass(frozen=True)
class Doubts:
    """The doubts about the labels of a project, computed at first use.

    Args:
        snapshot: The project at one moment.
    """

    snapshot: Snapshot

    @cached_property
    def labels(self) -> Float[np.ndarray, " m"]:
        """The probability that each label of ``Snapshot.training`` is wrong, by all its answers and the labels of
        similar items; where there may be several classes, the probability of the most doubtful class."""
        return np.asarray(self._by_task.max(axis=1, initial=0.0))

    @cached_property
    def _by_task(self) -> Float[np.ndarray, "m t"]:
        """The probability that a label is wrong, for each of its tasks: one, or one for each class."""
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        tasks = list(snapshot.kind.tasks(y, len(snapshot.project.config.data.classes)))
        doubts = np.zeros((len(y), len(tasks)))
        with shared_span():
            for column, task in enumerate(tasks):
                if len(task.rows) and not one_kind(task.y):
                    said = left_out_probs(snapshot.points_at(rows[task.rows]), task.y, task.n_classes)
                    doubts[task.rows, column] = label_doubts(self._answers(task)[task.rows], task.y, said)
        return doubts

    def _answers(self, task: Task) -> Int[np.ndarray, "m a"]:
        """The newest answer of each annotator to a task, for each label; -1 for none."""
        snapshot, (people, given) = self.snapshot, self._given
        classes, unasked = snapshot.project.config.data.classes, snapshot.history.unasked
        table = np.full((len(given), len(people)), NO_ANSWER)
        for row, answers in zip(table, given, strict=True):
            for answer in answers:  # oldest first: a newer one of the same person replaces it
                said = snapshot.kind.says(answer, task, classes, unasked)
                if said is not None:
                    row[people[answer.annotator]] = said
        return table

    @cached_property
    def _given(self) -> tuple[dict[str, int], list[tuple[Answer, ...]]]:
        """A number for each annotator, and the answers about each label."""
        snapshot = self.snapshot
        given = [snapshot.history.labels[snapshot.embeddings.ids[row]].answers for row in snapshot.training[0]]
        return {who: i for i, who in enumerate(sorted({a.annotator for one in given for a in one}))}, given

    def suspects(self) -> list[Suspect]:
        """Return labels with a probability above 0.5 of being wrong, the most doubtful first."""
        snapshot, (rows, y) = self.snapshot, self.snapshot.training
        if snapshot.head is None or not len(rows):
            return []
        found = []
        probs = snapshot.probs_at(rows)
        assert probs is not None
        for i in np.argsort(-self.labels, kind="stable"):
            if self.labels[i] <= SUSPECT:
                break
            instead = snapshot.kind.instead(y[i], probs[i], self._by_task[i], SUSPECT)
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
        """Choose the labels to ask about again in the next round, the most doubtful first.

        Args:
            query_size: Questions of the round for new items and doubted labels together.
            share: Share of them for doubted labels, in [0, 1]; "auto" compares the doubts with the uncertainty of the
                unlabeled items, and takes at most half of the round.
        """
        snapshot, (rows, _) = self.snapshot, self.snapshot.training
        if share == 0 or snapshot.head is None or len(rows) < FEWEST_TO_DOUBT:
            return ()
        history, ids = snapshot.history, [snapshot.embeddings.ids[r] for r in rows]
        asked = history.askings
        # ground truth decides, whatever a further answer says
        never = {a.item for a in history.answers.values() if a.kind == "skip" or a.ground_truth} | history.missing
        may = np.array([asked[item] < MOST_ASKINGS and item not in never for item in ids])
        doubts = np.where(may, self.labels, 0.0)
        if share == "auto":
            # for labels as for new items: the probability that any class is wrong
            whole = np.where(may, 1 - np.prod(1 - self._by_task, axis=1), 0.0)
            count = min(
                how_many_again(whole, 1 - snapshot.field_sure[snapshot.free[snapshot.field]], query_size),
                query_size // 2,
            )
        else:
            count = round(share * query_size)
        worst = np.argsort(-doubts, kind="stable")[:count]
        by_item = {s.item: s for s in self.suspects()}
        out = []
        for i in worst[doubts[worst] > LEAST_DOUBT]:
            item = ids[i]
            why = f"labeled before; the label is wrong with probability {100 * doubts[i]:.0f} %"
            if item in by_item:
                why += f"; suggested {by_item[item].instead} instead of {by_item[item].given}"
            out.append(
                Question(
                    kind="again", items=(item,), asking=history.next_asking(item), score=float(doubts[i]), reason=why
                )
            )
        return tuple(out)
