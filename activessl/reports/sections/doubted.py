"""Suspect labels, and the reliability of the annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from activessl.labels.doubts import Suspect
from activessl.labels.kinds import Person
from activessl.reports.sections.base import Material, fields_of
from activessl.reports.wording import reliability_text
from activessl.steps.relabel import Doubts

__all__ = ["Doubted", "suspects_text"]


@dataclass(frozen=True)
class Doubted:
    """Labels that are probably wrong, and how reliable the people are.

    Attributes:
        suspects: Suspect labels, the most doubtful first.
        people: Reliability of each annotator whose answers could be compared with others', by name.
    """

    name: ClassVar[str] = "doubted"

    suspects: tuple[Suspect, ...] = ()
    people: Mapping[str, Person] = field(default_factory=dict)

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Find the suspect labels by all answers and the labels of similar items."""
        history = material.history
        return cls(
            () if history.encoded is None else tuple(Doubts(material.snapshot).suspects()),
            history.people,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return all suspect labels and all annotators."""
        return {
            "suspects": [fields_of(row) for row in self.suspects],
            "people": {name: fields_of(person) for name, person in self.people.items()},
        }

    def to_text(self) -> list[str]:
        """Return a line each."""
        lines = [f"suspect      {suspects_text(self.suspects)}"] if self.suspects else []
        if self.people:
            known = (f"{name} {reliability_text(p)}" for name, p in sorted(self.people.items()))
            lines.append(f"reliability  {', '.join(known)}")
        return lines


def suspects_text(suspects: Sequence[Suspect], shown: int = 3) -> str:
    """Word the number of suspect labels, and name the most doubtful.

    Example:
        >>> suspects_text([Suspect("a.png", "cat", "dog", 0.9, 1)])
        '1 label is probably wrong: a.png (labeled cat, suggested dog)'
    """
    worst = [f"{s.item} (labeled {s.given}, suggested {s.instead})" for s in suspects[:shown]]
    more = f", and {len(suspects) - shown:,} more" if len(suspects) > shown else ""
    many = "label is" if len(suspects) == 1 else "labels are"
    return f"{len(suspects):,} {many} probably wrong: {', '.join(worst)}{more}"
