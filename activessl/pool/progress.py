"""Progress of long tasks, reported to a callback. The library itself never prints."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of a long task.

    Attributes:
        stage: The task, such as "train" or "embed".
        done: How much is done, in the unit of ``total``.
        total: How much there is; 0 where the step is only a ``note``.
        loss: The current training loss, if there is one.
        health: Label-free health figures, such as the effective rank.
        note: A message, such as what will be done, or why training ends early.
    """

    stage: str
    done: float
    total: float
    loss: float | None = None
    health: dict[str, float] | None = None
    note: str = ""


#: Called with each step of a long task.
OnProgress = Callable[[Progress], None]


def tell(on_progress: OnProgress | None, stage: str, done: float, total: float) -> None:
    """Report how much is done, if there is a callback."""
    if on_progress is not None:
        on_progress(Progress(stage, done, total))


def say(on_progress: OnProgress | None, stage: str, note: str) -> None:
    """Report a note, if there is a callback."""
    if on_progress is not None:
        on_progress(Progress(stage, 0, 0, note=note))


def roughly(seconds: float) -> str:
    """Format a forecast of seconds, rounded because it is uncertain.

    Example:
        >>> roughly(3.2), roughly(48), roughly(200), roughly(9000)
        ('seconds', 'about 50 s', 'about 3 min', 'about 2.5 h')
    """
    if seconds < 10:
        return "seconds"
    if seconds < 90:
        return f"about {10 * round(seconds / 10)} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def duration(seconds: float) -> str:
    """Format seconds for people.

    Example:
        >>> duration(4.25), duration(75), duration(8100)
        ('4.2 s', '1 min 15 s', '2 h 15 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
