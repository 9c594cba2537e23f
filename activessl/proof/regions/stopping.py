"""The decision whether a project of regions should stop, by the limits of its config."""

from __future__ import annotations

from activessl.measuring.planning.stopping import Limits, apply_limits
from activessl.measuring.planning.times import labeling_hours
from activessl.project.folder import Project

__all__ = ["stop_regions"]


def stop_regions(project: Project) -> str | None:
    """Return the reason to stop; None to continue.

    Agreement of successive models (``stop.stable_kappa``) is one of classes, and stops no project of regions.
    """
    limits, history = project.config.stop, project.history()
    verdict = apply_limits(
        Limits(kappa=None, labels=limits.labels, hours=limits.hours, rounds=limits.rounds),
        labels=len(history.labels),
        hours=None if limits.hours is None else labeling_hours(history.answers.values()),
        rounds=sum(bool(r.taught) for r in history.rounds),
        left=None if history.encoded is None else history.to_ask,
    )
    return verdict.why if verdict.stop else None
