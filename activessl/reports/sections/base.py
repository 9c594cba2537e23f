"""What a section of the report is, and what it is gathered from."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from activessl.labels.doubts import Suspect
from activessl.ledger.history import History
from activessl.measuring.simulation.simulate import Simulation
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.reports.judged import Judged, judged_of
from activessl.reports.looks import Look, look
from activessl.reports.pictures import readable_pool
from activessl.steps.relabel import Doubts

__all__ = ["Material", "Section", "fields_of"]


@dataclass(frozen=True)
class Material:
    """All that a section may read: the project at one moment, and what is measured; each part at its first use.

    Args:
        snapshot: The project at one moment.
        evidence: Its measured figures; the same for all sections, so that each is measured once.
        arm: A replay of random choice on the same embeddings; None without one.
    """

    snapshot: Snapshot
    evidence: Evidence
    arm: Simulation | None = None
    _looks: dict[str, Look] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, snapshot: Snapshot, arm: Simulation | None = None) -> Material:
        """The material of a snapshot."""
        return cls(snapshot, Evidence(snapshot), arm)

    @property
    def history(self) -> History:
        """What happened in the project."""
        return self.snapshot.history

    @cached_property
    def forecast(self) -> Forecast:
        """The plan and the money, from the evidence."""
        return Forecast(self.evidence)

    @cached_property
    def suspects(self) -> tuple[Suspect, ...]:
        """The labels that are probably wrong, the most doubtful first; empty before the pool is encoded."""
        return () if self.history.encoded is None else tuple(Doubts(self.snapshot).suspects())

    @cached_property
    def pool(self) -> Pool | None:
        """The items; None if they cannot be read: a section then shows ids without pictures."""
        return readable_pool(self.snapshot)

    @cached_property
    def judged(self) -> Judged | None:
        """Predictions beside the truth, of the sample that measures the accuracy or else of all labels."""
        return judged_of(self.snapshot, self.evidence, self.pool)

    def look(self, item: str) -> Look:
        """How an item looks on the page; each item is read once."""
        if item not in self._looks:
            self._looks[item] = look(self.pool, item, heard=True)
        return self._looks[item]


@runtime_checkable
class Section(Protocol):
    """One part of the report: a frozen dataclass, with its part of the page in ``page/sections/<name>.html.j2``.

    The template gets ``section`` and ``report``, and prints nothing if the section has nothing to show.

    Attributes:
        name: The name of its template.
    """

    name: ClassVar[str]

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Collect the figures. A project can be empty, not encoded or without labels: then the section is empty."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return its keys of the JSON report, always the same; null or empty where a figure does not exist."""
        ...

    def to_text(self) -> list[str]:
        """Return its lines for the terminal: the name in 13 columns, then the figure.

        From its first empty line on, they stand below the figures of the other sections.
        """
        ...


def fields_of(row: Any) -> dict[str, Any]:
    """Return the fields of a dataclass with slots."""
    return {name: getattr(row, name) for name in row.__slots__}
