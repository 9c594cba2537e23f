"""Groups of alike items that people confirm at a glance: which are shown, what comes back, and how often it is wrong.

Labels that were given so are labels like any others to the head. To the measures they are not: they are never part of
the random share, they do not count for how fast or how reliable people are, and a share of them is asked about once
more, one by one and without the class, so that what is overlooked in a group is known.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from jaxtyping import Int

from activessl.annotators.base import Group
from activessl.errors import LabelError, QueryError
from activessl.labels.answers import again_id, is_again, item_of
from activessl.ledger.fold import History, RoundHistory
from activessl.ledger.schema import CONFIRM, Asked, AskedGroup, Queried
from activessl.measuring.planning.stopping import share_interval
from activessl.project.snapshot import Snapshot
from activessl.strategies.confirmable import FEWEST, SURE, alike_groups

__all__ = [
    "GLANCED",
    "GlanceCount",
    "alone",
    "confirm_next",
    "drawable",
    "glance_count",
    "groups_left",
    "look_again",
    "propose",
    "sent_back",
]

#: Why an item is asked about alone that was confirmed with its group: nobody should know as what.
GLANCED = "confirmed with its group before: drawn at random to be looked at on its own"
#: Why an item comes first in a round.
SENT_BACK = "did not belong to the group that it was shown with"
#: With ``query.confirm`` on, so many rounds of single questions lie between two of groups.
BETWEEN = 3


def propose(snapshot: Snapshot, number: int, count: int, size: int) -> Queried:
    """A round of groups: items that nobody labeled, that look alike, and that the head is sure are of one class.

    Args:
        snapshot: The project at one moment.
        number: Of the round.
        count: How many groups at most.
        size: How many items in each at most.

    Raises:
        LabelError: There is no head yet.
        QueryError: The head is not sure of enough items, or an item may have several classes.
    """
    if snapshot.multi_label:
        raise QueryError(
            "groups are confirmed as one class, and here an item may have several",
            hint="run `activessl query` without --confirm",
        )
    if snapshot.probs is None:
        raise LabelError("no model yet", hint="label some items one by one, then run `activessl teach`")
    ids, classes = snapshot.embeddings.ids, snapshot.project.config.data.classes
    tried = np.array([item in snapshot.history.apart for item in ids], dtype=bool)  # once is enough
    found = alike_groups(snapshot.points, snapshot.probs, np.flatnonzero(snapshot.free & ~tried), count, size)
    if not found:
        sure = int(np.sum(snapshot.probs[snapshot.free & ~tried].max(axis=1, initial=0.0) >= SURE))
        raise QueryError(
            f"the model is sure (probability {SURE:g}) of {sure} items only, of no class of {FEWEST} or more",
            hint="run `activessl query` without --confirm, and label some more one by one",
        )
    groups = []
    for i, one in enumerate(found, start=1):
        items, label = tuple(ids[row] for row in one.rows), classes[one.class_index]
        told = sha256("\n".join((label, *items)).encode()).hexdigest()[:8]
        groups.append(AskedGroup(id=f"group-{number}-{i}-{told}", label=label, items=items))
    return Queried(
        round=number,
        strategy=CONFIRM,
        seed=(snapshot.project.config.seed, number),
        fingerprint=snapshot.embeddings.fingerprint,
        items=tuple(
            Asked(
                id=ids[row],
                score=float(snapshot.probs[row, one.class_index]),
                reason=f"the model is sure that it is {classes[one.class_index]}, like all of its group",
            )
            for one in found
            for row in one.rows
        ),
        seconds=0.0,
        groups=tuple(groups),
    )


def groups_left(history: History, current: RoundHistory) -> list[Group]:
    """The groups of a round that nobody has answered, without items that are gone."""
    waiting = set(history.waiting(current))
    return [
        Group(group.id, group.label, tuple(i for i in group.items if i not in history.missing))
        for group in current.queried.groups
        if waiting.intersection(group.items)
    ]


def confirm_next(snapshot: Snapshot) -> bool:
    """Whether the config wants the next round to be one of groups: after some rounds of single questions."""
    if not snapshot.project.config.query.confirm or snapshot.probs is None:
        return False
    single = [not r.queried.groups for r in snapshot.history.rounds]
    return len(single) >= BETWEEN and all(single[-BETWEEN:])


def sent_back(snapshot: Snapshot, most: int) -> tuple[Asked, ...]:
    """What to ask about first: items that stood out of their group, which the head was sure of, and wrong."""
    free = {snapshot.embeddings.ids[row] for row in np.flatnonzero(snapshot.free)} & snapshot.history.apart
    once = {i for r in snapshot.history.rounds if not r.queried.groups for i in r.asked}
    asked = [item for r in snapshot.history.rounds if r.queried.groups for item in r.asked if item in free - once]
    return tuple(Asked(id=item, score=0.0, reason=SENT_BACK) for item in asked[:most])


def look_again(snapshot: Snapshot, number: int, most: int) -> tuple[Asked, ...]:
    """Which items that were confirmed with their group to ask about alone, drawn at random, as the config's share.

    Each drawn one is asked as a task of its own, and blind. What is drawn has no propensity: it is a sample of what
    was confirmed, not of the pool.
    """
    share = snapshot.project.config.query.confirm_audit
    history = snapshot.history
    glanced = sorted(i for i in history.at_a_glance if i in history.labels and i in snapshot.row)
    seen = _asked_alone(history)
    owed = int(np.ceil(share * len(glanced))) - len(seen.intersection(glanced))
    left = [item for item in glanced if item not in seen and item not in history.missing]
    count = min(owed, most, len(left))
    if count < 1:
        return ()
    drawn = np.random.default_rng([snapshot.project.config.seed, number, 10]).choice(len(left), count, replace=False)
    return tuple(_alone(history, left[i], Asked(id=left[i], score=0.0, reason=GLANCED)) for i in drawn)


def drawable(snapshot: Snapshot) -> Int[np.ndarray, " g"]:
    """Rows that were confirmed with their group and never asked about alone: the random share draws from these too.

    Else it would draw from what is left only, which is harder, since what the model is sure of is what was confirmed.
    """
    seen = _asked_alone(snapshot.history)
    only = snapshot.history.only_at_a_glance - seen - snapshot.history.missing
    return np.array(sorted(snapshot.row[i] for i in only if i in snapshot.row), dtype=np.int64)


def alone(snapshot: Snapshot, event: Queried) -> Queried:
    """A round whose random share drew items that were confirmed with their group: these are asked about once more."""
    only = snapshot.history.only_at_a_glance
    items = tuple(_alone(snapshot.history, i.id, i) if i.id in only else i for i in event.items)
    return event.model_copy(update={"items": items})


def _alone(history: History, item: str, asked: Asked) -> Asked:
    told = {"id": again_id(item, _askings(history, item) + 1), "reason": GLANCED, "glanced": True}
    return asked.model_copy(update=told)


def _asked_alone(history: History) -> set[str]:
    """Items that were asked about again after they were confirmed with their group, whatever for."""
    return {item_of(i) for r in history.rounds for i in r.asked if is_again(i)} & history.at_a_glance.keys()


def _askings(history: History, item: str) -> int:
    return sum(item_of(i) == item for r in history.rounds for i in r.asked)


@dataclass(frozen=True, slots=True)
class GlanceCount:
    """What became of the groups that people were shown.

    Attributes:
        groups: Groups that were answered.
        confirmed: Items that have a label since.
        apart: Items that were not confirmed.
        seconds: What these items took, as recorded.
        looked_at: Confirmed items that were drawn at random and then looked at on their own.
        open: Drawn ones that nobody has looked at yet, and that are still there.
        wrong: Those that were then given another class than with their group.
        low: Lower end of a 90 % interval of the share of wrong ones.
        high: Upper end of it.
    """

    groups: int
    confirmed: int
    apart: int
    seconds: float
    looked_at: int
    open: int
    wrong: int
    low: float
    high: float

    def to_text(self) -> str:
        """One sentence.

        Example:
            >>> print(GlanceCount(10, 230, 10, 120.0, 23, 0, 1, 0.008, 0.181).to_text())
            230 items confirmed in 10 groups, 10 sent back, 0.5 s an item; 23 of them looked at alone, 1 wrong (90 %
            interval 0.8 to 18.1 %)
        """
        per = f", {self.seconds / (self.confirmed + self.apart):.1f} s an item" if self.seconds else ""
        many = f"{self.groups:,} group{'s' * (self.groups != 1)}"
        text = f"{self.confirmed:,} items confirmed in {many}, {self.apart:,} sent back{per}"
        if self.looked_at:
            text += (
                f"; {self.looked_at} of them looked at alone, {self.wrong} wrong (90 % interval {100 * self.low:.1f} "
                f"to {100 * self.high:.1f} %)"
            )
        return text + (f"; {self.open} wait to be looked at alone" if self.open else "")


def glance_count(history: History) -> GlanceCount | None:
    """What became of the groups; None where none was answered."""
    answers = [a for a in history.answers.values() if a.group]
    if not answers:
        return None
    glanced = {i: said for i, said in history.at_a_glance.items() if i in history.labels}
    drawn = {i.id for r in history.rounds for i in r.queried.items if i.glanced and item_of(i.id) in glanced}
    given = [a for a in history.answers.values() if a.item_id in drawn and a.kind == "label"]
    seen = {item_of(a.item_id) for a in given}
    wrong = {item_of(a.item_id) for a in given if a.classes != glanced[item_of(a.item_id)]}
    low, high = share_interval(len(wrong), len(seen)) if seen else (0.0, 1.0)
    looked = {a.item_id for a in history.answers.values() if a.item_id in drawn}  # by some with a skip, perhaps
    return GlanceCount(
        groups=len({a.group for a in answers}),
        confirmed=len(glanced),
        apart=sum(a.kind == "apart" for a in answers),
        seconds=sum(a.seconds or 0.0 for a in answers if a.kind == "apart" or a.item_id in glanced),
        looked_at=len(seen),
        open=sum(i not in looked and item_of(i) not in history.missing for i in drawn),
        wrong=len(wrong),
        low=low,
        high=high,
    )
