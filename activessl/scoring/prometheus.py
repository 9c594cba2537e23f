"""The figures of a watched model as a text file for the textfile collector of Prometheus' node_exporter."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from activessl.errors import HeadError
from activessl.scoring.watching import Watched
from activessl.sealed import replaced


def metrics_text(watched: Watched, now: float) -> str:
    """Format the figures; a figure that does not exist is left out.

    Args:
        watched: The result of a look.
        now: Seconds since 1970.

    References:
        The text-based exposition format of Prometheus, version 0.0.4.
    """
    label = f'{{model="{watched.model[:12]}"}}'
    lines = []
    for name, text, value in _figures(watched, now):
        lines += [f"# HELP activessl_{name} {text}", f"# TYPE activessl_{name} gauge"]
        lines.append(f"activessl_{name}{label} {value!r}")
    return "\n".join(lines) + "\n"


def _figures(watched: Watched, now: float) -> Iterator[tuple[str, str, float | int]]:
    yield "watch_items", "Items that were looked at.", watched.items
    yield "watch_unreadable_items", "Items that cannot be read.", watched.unreadable
    yield "watch_seen_items", "Different items of all looks.", watched.seen
    yield "watch_look", "Number of the look; 0 if nothing was compared.", watched.look
    yield "watch_timestamp_seconds", "Time of the look, in seconds since 1970.", round(now, 3)
    yield "watch_far_ratio", "Share of items that are far from all items of the pool.", watched.far
    yield "watch_confidence_ratio", "Mean probability of the predicted class.", watched.confidence
    yield "watch_drift", "1 if this look or an earlier one found drift, else 0.", int(watched.drift)
    if watched.comparison is not None:
        told = watched.comparison
        yield "watch_drift_statistic", "Statistic of the classifier two-sample test.", told.statistic
        yield "watch_drift_p_value", "p-value of this look.", told.p
        yield "watch_drift_level", "Level of this look: an alarm is a p-value of at most this.", told.level


def write_metrics(watched: Watched, path: Path, now: float) -> None:
    """Write the figures atomically, readable for other users: the collector never sees half a file.

    Raises:
        HeadError: The name does not end with ``.prom``, which the collector needs, or the file cannot be written.
    """
    check_metrics(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replaced(path) as part:
            part.write_text(metrics_text(watched, now), encoding="utf-8")
            os.chmod(part, 0o644)  # noqa: PTH101  the collector runs as another user
    except OSError as bad:
        raise HeadError(
            f"cannot write {path}: {bad.strerror or bad}", hint="name a file with --metrics that you can write"
        ) from None


def check_metrics(path: Path) -> None:
    """Check the name of the file before anything is computed.

    Raises:
        HeadError: It does not end with ``.prom``.
    """
    if path.suffix != ".prom":
        raise HeadError(
            f"{path.name} does not end with .prom",
            hint="name a file such as activessl.prom: the collector reads no other",
        )
