"""What a section of the report is, and what it is gathered from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol, Self, runtime_checkable

from activessl.ledger.history import History
from activessl.measuring.simulation.simulate import Simulation
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot
from activessl.proof.estimates import Evidence
from activessl.proof.forecast import Forecast
from activessl.reports.pictures import readable_pool

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
    def pool(self) -> Pool | None:
        """The items; None if they cannot be read: a section then shows ids without pictures."""
        return readable_pool(self.snapshot)


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
