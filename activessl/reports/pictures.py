"""Items in a report: thumbnails, nearest items in the embedding, reconstructions of hidden parts."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterator
from dataclasses import replace
from textwrap import shorten
from typing import Any

import numpy as np

from activessl.encoders.registry import load_encoder
from activessl.errors import ActiveSSLError
from activessl.geometry.units import centred_rows
from activessl.labels.answers import NONE
from activessl.pool.decoders.levels import for_screen
from activessl.pool.forms.series import rounded
from activessl.pool.pool import Pool
from activessl.project.snapshot import Snapshot
from activessl.reports.report import Reconstructed, Sight

THUMBNAIL = 72  # pixels
SHOWN_SIGHTS, SHOWN_ALIKE = 6, 7
EXCERPT = 90  # characters
#: Encoders that can reconstruct: the others are not loaded, because loading may take long.
DRAWING = ("hybrid", "masked")
#: Most time steps that are drawn, about one for each pixel.
_POINTS = 340

Array = np.ndarray[Any, np.dtype[Any]]


def readable_pool(snapshot: Snapshot) -> Pool | None:
    """Return the pool; None if it cannot be read: the report is then made without pictures."""
    try:
        return snapshot.project.pool()
    except ActiveSSLError:
        return None


def sights(snapshot: Snapshot) -> Iterator[Sight]:
    """Yield a few items drawn at random, with the items nearest to them in the embedding."""
    pool = readable_pool(snapshot)
    if pool is None or pool.form.shown not in ("picture", "text") or snapshot.history.encoded is None:
        return
    ids = snapshot.embeddings.ids
    there = np.array([item in pool for item in ids], dtype=bool)
    if there.sum() <= SHOWN_ALIKE:
        return
    rng = np.random.default_rng([snapshot.project.config.seed, 8])
    rows = rng.choice(np.flatnonzero(there), min(SHOWN_SIGHTS, int(there.sum())), replace=False)
    points = centred_rows(snapshot.embeddings.vectors)
    likeness = np.where(there[:, None], points @ points[rows].T, -np.inf)
    for row, like in zip(rows, likeness.T, strict=True):
        like[row] = -np.inf
        alike = [_sight(snapshot, pool, ids[i]) for i in np.argsort(-like, kind="stable")[:SHOWN_ALIKE]]
        yield replace(_sight(snapshot, pool, ids[row]), alike=tuple(alike))


def reconstructed(snapshot: Snapshot) -> tuple[Reconstructed, ...]:
    """Reconstruct a few items drawn at random; empty if the encoder cannot reconstruct."""
    encoded, pool = snapshot.history.encoded, readable_pool(snapshot)
    if pool is None or encoded is None or encoded.encoder not in DRAWING:
        return ()
    from activessl.encoders.reconstruction import reconstruct  # imports torch

    seed = snapshot.project.config.seed
    ids = np.random.default_rng([seed, 9]).permutation(np.array(pool.ids, dtype=object))[:SHOWN_SIGHTS].tolist()
    try:
        encoder = load_encoder(snapshot.project.folder / "encoders" / encoded.fingerprint)
        drawings = reconstruct(encoder, pool, ids, seed=seed)
    except ActiveSSLError:
        return ()
    found = []
    for one in drawings:
        if one.item.dtype == np.uint8:
            # hidden parts are gray
            seen = np.where(one.hidden[..., None], np.uint8(128), one.item)
            found.append(Reconstructed(one.id, pictures=tuple(_png(image) for image in (one.item, seen, one.drawn))))
        else:
            step = -(-len(one.hidden) // _POINTS)
            found.append(
                Reconstructed(
                    one.id,
                    series=numbers(one.item[:, ::step]),
                    hidden=tuple(one.hidden[::step].tolist()),
                    drawn=numbers(one.drawn[:, ::step]),
                )
            )
    return tuple(found)


def thumbnail(pool: Pool, item: str) -> str | None:
    """Return a small picture as a ``data:`` URI; None for items that are no images, or cannot be read."""
    if pool.form.shown != "picture":
        return None
    try:
        pixels = np.asarray(pool.source.read(item))
    except ActiveSSLError:
        return None
    if pixels.dtype != np.uint8:
        pixels = for_screen(pixels)
    return _png(pixels, largest=THUMBNAIL)


def label_of(snapshot: Snapshot, item: str) -> str | None:
    """Return the label of an item; None while it has none."""
    found = snapshot.history.labels.get(item)
    return None if found is None else ", ".join(found.classes) or NONE


def _sight(snapshot: Snapshot, pool: Pool, item: str) -> Sight:
    try:
        text = str(pool.source.read(item)) if pool.form.shown == "text" else ""
    except ActiveSSLError:
        text = ""
    return Sight(item, shorten(text, EXCERPT, placeholder=" …"), thumbnail(pool, item), label_of(snapshot, item))


def _png(pixels: Array, largest: int | None = None) -> str:
    from PIL import Image

    picture = Image.fromarray(
        np.ascontiguousarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    )
    if largest is not None:
        picture.thumbnail((largest, largest))
    out = io.BytesIO()
    picture.save(out, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def numbers(values: Array) -> tuple[tuple[float | None, ...], ...]:
    """The values of each channel of a series as they are drawn; None where a value is missing."""
    return tuple(tuple(rounded(row, 5)) for row in values)
