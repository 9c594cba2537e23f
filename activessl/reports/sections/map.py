"""A map of the items: the embeddings in the plane, with what is known of each item."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import shorten
from typing import Any, ClassVar, Self

import numpy as np
from jaxtyping import Int

from activessl.errors import ActiveSSLError
from activessl.pool.pool import Pool
from activessl.reports.atlas import Atlas, atlas_of
from activessl.reports.kept_pictures import KeptPictures
from activessl.reports.looks import spectrogram
from activessl.reports.pictures import EXCERPT, thumbnail
from activessl.reports.scales import Scale, scales_of
from activessl.reports.sections.base import Material

__all__ = ["Map"]

#: Most items with a picture, so that the page stays below 20 MB; of the others the id and the facts are shown.
MOST_PICTURES = 3_000
#: Values of a series that are drawn on the map, and their levels.
LINE_POINTS, LINE_LEVELS, LINE_CHANNELS = 60, 63, 3
#: Pixels of the still map.
STILL = 640


@dataclass(frozen=True)
class Map:
    """The items on a plane.

    Attributes:
        ids: The items on the map.
        of: Items of the pool.
        places: (n, 2) of 16 bits, the position of each.
        near: (n, k) of 16 bits, the nearest others of each as positions in ``ids``.
        scales: What the items can be colored by.
        texts: The beginning of each text; empty for other forms.
        still: A ``data:`` URI of the map as a picture.
        pictured: Positions of the items with a picture.
        pool: The items; None if they cannot be read.
        keep: The folder where their pictures are kept; None to keep none.
    """

    name: ClassVar[str] = "map"

    ids: tuple[str, ...] = ()
    of: int = 0
    places: Int[np.ndarray, "n 2"] = field(default_factory=lambda: np.zeros((0, 2), np.uint16), repr=False)
    near: Int[np.ndarray, "n k"] = field(default_factory=lambda: np.zeros((0, 0), np.uint16), repr=False)
    scales: tuple[Scale, ...] = field(default=(), repr=False)
    texts: tuple[str, ...] = field(default=(), repr=False)
    still: str = field(default="", repr=False)
    pictured: tuple[int, ...] = field(default=(), repr=False)
    pool: Pool | None = field(default=None, repr=False)
    keep: Path | None = field(default=None, repr=False)

    @classmethod
    def gather(cls, material: Material) -> Self:
        """Project the embeddings to the plane, or take the map that is kept."""
        snapshot = material.snapshot
        if snapshot.history.encoded is None or not len(snapshot.embeddings):
            return cls()
        atlas = atlas_of(snapshot)
        ids = tuple(snapshot.embeddings.ids[row] for row in atlas.rows)
        scales = scales_of(snapshot, atlas.rows)
        pool = material.pool
        return cls(
            ids=ids,
            of=len(snapshot.embeddings),
            places=np.round(65535 * atlas.places).astype(np.uint16),
            near=atlas.near.astype(np.uint16),
            scales=scales,
            texts=_texts(pool, ids),
            still=_still(atlas, scales[0]),
            pictured=_pictured(material, atlas, scales),
            pool=pool,
            keep=snapshot.project.folder / "reports" / "pictures",
        )

    def to_dict(self) -> dict[str, Any]:
        """Return how many items the map has."""
        return {"map": {"items": len(self.ids), "of": self.of} if self.ids else None}

    def to_text(self) -> list[str]:
        """Return nothing: pictures only."""
        return []

    def data(self) -> dict[str, Any]:
        """Return what the script of the page reads, without the pictures."""
        return {
            "ids": self.ids,
            "places": _packed(self.places.astype("<u2")),
            "near": _packed(self.near.astype("<u2")),
            "scales": [scale.to_dict() for scale in self.scales],
            "texts": self.texts or None,
        }

    def pictures(self) -> Iterator[str]:
        """Yield a JSON object, an item at a time: the picture, or the course of a series, by the position of an item.

        Pictures are read while the page is written, so that never all of them are in memory.
        """
        yield "{"
        between = ""
        with KeptPictures(self.keep) as kept:
            for position in self.pictured:
                item = self.ids[position]
                if self.pool is None or item not in self.pool:
                    continue
                digest = self.pool.items[self.pool.row(item)].sha256
                shown = kept.get(digest) or _shown(self.pool, item)
                if shown is None:
                    continue
                if isinstance(shown, str):
                    kept.put(digest, shown)
                yield f"{between}\n{json.dumps(str(position))}:{json.dumps(shown)}"
                between = ","
        yield "}"


def _shown(pool: Pool, item: str) -> str | list[list[int]] | None:
    """Return a ``data:`` URI, or the first channels of a series as small numbers; None if there is nothing to show."""
    if pool.form.shown == "picture":
        return thumbnail(pool, item)
    try:
        media = pool.read(pool.row(item))
    except ActiveSSLError:
        return None
    if isinstance(media, str) or media.ndim != 2:
        return None
    if pool.form.shown == "sound":
        return spectrogram(pool, media)
    step = -(-media.shape[1] // LINE_POINTS)
    lines = []
    for channel in np.nan_to_num(np.asarray(media[:LINE_CHANNELS, ::step], dtype=np.float64)):
        low, reach = float(channel.min()), float(np.ptp(channel))
        lines.append(np.round((channel - low) / (reach or 1.0) * LINE_LEVELS).astype(int).tolist())
    return lines


def _texts(pool: Pool | None, ids: Sequence[str]) -> tuple[str, ...]:
    """Return the beginning of each text; empty for other forms."""
    if pool is None or pool.form.shown != "text":
        return ()

    def text(item: str) -> str:
        try:
            return shorten(str(pool.source.read(item)), EXCERPT, placeholder=" …") if item in pool else ""
        except ActiveSSLError:
            return ""

    return tuple(text(item) for item in ids)


def _pictured(material: Material, atlas: Atlas, scales: Sequence[Scale]) -> tuple[int, ...]:
    """Choose the items with a picture: first those that people have seen, then the least sure, then any."""
    pool = material.pool
    if pool is None or pool.form.shown not in ("picture", "sound", "series"):
        return ()
    state = next(scale for scale in scales if scale.name == "State")
    assert state.values is not None
    seen = np.isin(state.codes, [state.values.index(name) for name in ("labeled", "asked")])
    order = np.lexsort((material.snapshot.sure_at(atlas.rows), ~seen))
    half = order[: MOST_PICTURES // 2]  # the rest from everywhere, so that every region has some
    others = np.random.default_rng(0).permutation(order[MOST_PICTURES // 2 :])[: MOST_PICTURES - len(half)]
    return tuple(sorted(int(i) for i in (*half, *others)))


def _still(atlas: Atlas, scale: Scale) -> str:
    """Draw the map as a picture without a ground, for pages without scripts."""
    from PIL import Image

    pixels = np.zeros((STILL, STILL, 4), dtype=np.uint8)
    at = np.clip(np.round(atlas.places * (STILL - 8)).astype(int) + 4, 2, STILL - 3)
    inks = scale.inks()
    radius = 1 if len(at) > 3_000 else 2
    for dx in range(-radius, radius + 1):
        for dy in range(-radius, radius + 1):
            pixels[at[:, 1] + dy, at[:, 0] + dx, :3] = inks[scale.codes]
            pixels[at[:, 1] + dy, at[:, 0] + dx, 3] = 255
    out = io.BytesIO()
    Image.fromarray(pixels).quantize(64).save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _packed(numbers: np.ndarray[Any, np.dtype[Any]]) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers).tobytes()).decode()
