"""The page of explanations, and its pieces that the report shows, too."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from textwrap import shorten
from typing import Any

from activessl.errors import ActiveSSLError, ProjectError
from activessl.explaining.deletion import DeletionTest
from activessl.pool.pool import Pool
from activessl.reports.heat import Heat, heat_of
from activessl.reports.html import render
from activessl.reports.pictures import EXCERPT, thumbnail
from activessl.sealed import write_atomic
from activessl.steps.explain import Explained, Explainer, Speaker


@dataclass(frozen=True, slots=True)
class ShownSpeaker:
    """A labeled item on the page.

    Attributes:
        speaker: The item, its label and its weight.
        thumbnail: A ``data:`` URI; None for items that are no pictures.
        text: The beginning of a text; empty for others.
    """

    speaker: Speaker
    thumbnail: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """One explanation on the page.

    Attributes:
        explained: The explanation.
        thumbnail: A ``data:`` URI of the item; None for items that are no pictures.
        text: The beginning of a text; empty for others.
        heat: The map; None where there is none.
        speaks_for: Labeled items for the class.
        speaks_against: Labeled items against the class.
    """

    explained: Explained
    thumbnail: str | None
    text: str
    heat: Heat | None
    speaks_for: tuple[ShownSpeaker, ...]
    speaks_against: tuple[ShownSpeaker, ...]

    @property
    def best(self) -> list[tuple[str, float]]:
        """The most likely classes, at most four, and the explained one."""
        ranked = sorted(self.explained.probabilities.items(), key=lambda pair: -pair[1])
        return [pair for i, pair in enumerate(ranked) if i < 4 or pair[0] == self.explained.name]


def shown(explained: Explained, pool: Pool | None) -> Shown:
    """Draw one explanation."""
    media = None
    if pool is not None and explained.map is not None:
        with suppress(ActiveSSLError):
            media = pool.read(pool.row(explained.item))
    return Shown(
        explained,
        *_small(pool, explained.item),
        heat_of(explained, media) if media is not None else None,
        tuple(ShownSpeaker(one, *_small(pool, one.item)) for one in explained.speaks_for),
        tuple(ShownSpeaker(one, *_small(pool, one.item)) for one in explained.speaks_against),
    )


def _small(pool: Pool | None, item: str) -> tuple[str | None, str]:
    if pool is None or item not in pool:
        return None, ""
    if pool.form.shown != "text":
        return thumbnail(pool, item), ""
    try:
        return None, shorten(str(pool.read(pool.row(item))), EXCERPT, placeholder=" …") or "(empty)"
    except ActiveSSLError:
        return None, ""


def page_of(explainer: Explainer, explained: Iterable[Explained], test: DeletionTest | None) -> str:
    """Return the page, as HTML in one file.

    Args:
        explainer: The project.
        explained: The items.
        test: The deletion test; None where there are no maps.
    """
    config = explainer.snapshot.project.config
    told: dict[str, Any] = {"title": config.annotator.title, "test": test}
    return render("explain.html.j2", shown=[shown(one, explainer.pool) for one in explained], **told)


def write_page(explainer: Explainer, explained: Iterable[Explained], test: DeletionTest | None, path: Path) -> None:
    """Write the page.

    Raises:
        ProjectError: The file cannot be written.
    """
    try:
        write_atomic(path, page_of(explainer, explained, test).encode("utf-8", "replace"))
    except OSError as error:
        raise ProjectError(
            f"cannot write {path}: {error.strerror or error}", hint="name a file in a folder that can be written"
        ) from None
