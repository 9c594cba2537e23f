"""The page of a check: copies side by side, and the first items of each kind of finding."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten

import numpy as np

from activessl.errors import ActiveSSLError, ProjectError
from activessl.pool.checks.base import Finding
from activessl.pool.pool import Pool
from activessl.reports.html import render
from activessl.reports.pictures import EXCERPT, POINTS, Array, numbers, thumbnail
from activessl.reports.strips import Reconstructed, Strip, strips
from activessl.sealed import write_atomic
from activessl.steps.check import Checked

#: Items of each kind that are shown; ``check --json`` has all.
SHOWN = 24


@dataclass(frozen=True, slots=True)
class Shown:
    """One item on the page.

    Attributes:
        id: The item.
        why: The reason of the finding; empty for the original of a copy.
        thumbnail: A ``data:`` URI; None for items that are no pictures.
        strips: The course of a series or a sound; empty for others.
        text: The beginning of a text; empty for others.
        of: The original of a copy.
    """

    id: str
    why: str = ""
    thumbnail: str | None = None
    strips: tuple[Strip, ...] = ()
    text: str = ""
    of: Shown | None = None


def page_of(checked: Checked, title: str) -> str:
    """Return the page, as HTML in one file.

    Args:
        checked: The findings.
        title: The name of the project.
    """
    pools = [checked.pool, *([checked.test] if checked.test else [])]
    kinds = [
        {"check": check, "count": len(found), "shown": [_shown(pools, one) for one in found[:SHOWN]]}
        for check, found in checked.quality.found()
    ]
    return render("check.html.j2", title=title, items=checked.quality.items, kinds=kinds, aside=len(checked.aside))


def write_page(checked: Checked, title: str, path: Path) -> None:
    """Write the page.

    Raises:
        ProjectError: The file cannot be written.
    """
    try:
        write_atomic(path, page_of(checked, title).encode("utf-8", "replace"))
    except OSError as error:
        raise ProjectError(
            f"cannot write {path}: {error.strerror or error}", hint="name a file in a folder that can be written"
        ) from None


def _shown(pools: list[Pool], finding: Finding) -> Shown:
    # the original of a leak is a test item
    of = _item(pools[::-1] if "test item" in finding.why else pools, finding.of) if finding.of else None
    item = _item(pools, finding.id)
    why = "" if of and finding.why == f"like {of.id}" else finding.why  # the two are side by side
    return Shown(finding.id, why, item.thumbnail, item.strips, item.text, of)


def _item(pools: list[Pool], item: str) -> Shown:
    pool = next((pool for pool in pools if item in pool), None)
    if pool is None:  # an unreadable item
        return Shown(item)
    try:
        if pool.form.shown == "picture":
            return Shown(item, thumbnail=thumbnail(pool, item))
        media = pool.read(pool.row(item))
    except ActiveSSLError:
        return Shown(item)
    if isinstance(media, str):
        return Shown(item, text=shorten(media, EXCERPT, placeholder=" …") or "(empty)")
    return Shown(item, strips=_course(media) if media.ndim == 2 else ())


def _course(values: Array) -> tuple[Strip, ...]:
    step = -(-values.shape[1] // POINTS)
    drawn = values[:, ::step].astype(np.float64)
    length = drawn.shape[1]
    nothing = tuple((None,) * length for _ in drawn)
    return strips(Reconstructed("", series=numbers(drawn), hidden=(False,) * length, drawn=nothing))
