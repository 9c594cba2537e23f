"""The sections of the report, one module each, in the order of the page."""

from __future__ import annotations

from activessl.reports.sections.base import Material, Section
from activessl.reports.sections.calibrated import Calibrated
from activessl.reports.sections.classes import Classes
from activessl.reports.sections.confusion import Confusion
from activessl.reports.sections.curves import Curves
from activessl.reports.sections.diary import Diary
from activessl.reports.sections.doubted import Doubted
from activessl.reports.sections.drift import Drift
from activessl.reports.sections.explained import Explanations
from activessl.reports.sections.gates import Gates
from activessl.reports.sections.hard import Hard
from activessl.reports.sections.hours import Hours
from activessl.reports.sections.machines import Machines
from activessl.reports.sections.map import Map
from activessl.reports.sections.nearest import Nearest
from activessl.reports.sections.newest import Newest
from activessl.reports.sections.rebuilt import Rebuilt
from activessl.reports.sections.rounds import Rounds
from activessl.reports.sections.slices import Slices
from activessl.reports.sections.training import Training
from activessl.reports.sections.value import Value

__all__ = ["SECTIONS", "Material", "Section", "gather_sections"]

#: All sections, in the order of the page and of the text. A new section is a module, a template and a line here.
SECTIONS: tuple[type[Section], ...] = (
    Curves,
    Map,
    Confusion,
    Classes,
    Slices,
    Drift,
    Hard,
    Doubted,
    Training,
    Newest,
    Calibrated,
    Hours,
    Value,
    Machines,
    Gates,
    Explanations,
    Nearest,
    Rebuilt,
    Rounds,
    Diary,
)


def gather_sections(material: Material) -> tuple[Section, ...]:
    """Gather all sections, in order."""
    return tuple(section.gather(material) for section in SECTIONS)
