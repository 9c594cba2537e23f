"""Merge people's answers to the regions of each item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from activessl.labels.answers import Answer
from activessl.labels.kinds import Label, Merged
from activessl.labels.merge import by_item, truth_of
from activessl.labels.regions.rows import drawn_text

__all__ = ["DRAWN", "Drawn"]


@dataclass(frozen=True)
class Drawn:
    """Regions of one item are not voted on: those of the newest ground truth count, else those of the newest answer.

    Two people never draw the same box; a mean of both would be a box that nobody drew. Where they differ is told
    elsewhere, and a reviewer decides.
    """

    def merge(self, answers: Iterable[Answer], classes: Sequence[str], unasked: Mapping[str, Set[str]]) -> Merged:
        """Return the label of each item; arguments as of :meth:`activessl.labels.kinds.LabelKind.merge`.

        An answer with a class that the project does not have is set aside as a whole: without one of its regions it
        would say that there is nothing. So is an answer without regions, of a project that had classes.
        """
        known = set(classes)
        found = by_item(
            answers, lambda a: "label" if a.regions is not None and {*a.classes} <= known else "aside", most=None
        )
        labels = {}
        for item, given in found.given.items():
            if item in found.undecided:
                continue
            chosen = truth_of(given) or given[-1]
            last = {a.annotator: a for a in given}
            said = drawn_text(chosen.regions or ())
            labels[item] = Label(
                classes=tuple(name for name in classes if name in chosen.classes),
                votes=sum(drawn_text(a.regions or ()) == said for a in last.values()),
                annotators=len(last),
                answers=tuple(given),
                unknown=tuple(
                    name for name in classes if chosen.source in unasked.get(name, ()) and name not in chosen.classes
                ),
                regions=chosen.regions,
            )
        return Merged(labels, frozenset(found.skips - labels.keys()), found.aside, {})


DRAWN = Drawn()
