"""The map of a project: made once for its embeddings, and kept beside them."""

from __future__ import annotations

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from activessl.encoders.embeddings import stamp
from activessl.errors import ProjectError
from activessl.geometry.blocks import sample_rows
from activessl.geometry.projection import project
from activessl.geometry.units import centred_rows
from activessl.pool.progress import tell
from activessl.project.folder import writing
from activessl.project.snapshot import Snapshot, embeddings_folder
from activessl.sealed import beside, check_seal, read_array, seal, sweep

__all__ = ["MOST_PLACED", "Atlas", "atlas_of"]

#: Most items on the map; of a larger pool a random sample is shown.
MOST_PLACED = 50_000
#: Nearest items that are kept for each item.
KEPT = 8
#: Changes when another method makes the map.
VERSION = "1"


@dataclass(frozen=True, eq=False)
class Atlas:
    """A map of the pool.

    Attributes:
        rows: (n,) the rows of the embeddings that are on the map, ascending.
        places: (n, 2) in [0, 1].
        near: (n, k) for each the nearest others, as positions in ``rows``, nearest first.
    """

    rows: Int[np.ndarray, " n"]
    places: Float[np.ndarray, "n 2"]
    near: Int[np.ndarray, "n k"]


def atlas_of(snapshot: Snapshot) -> Atlas:
    """Read the map of the embeddings, or make it and keep it."""
    where = embeddings_folder(snapshot.project, snapshot.embeddings.fingerprint)
    folder, now = where / "map", f"{VERSION} {stamp(where)}"
    kept = _read(folder, now, len(snapshot.embeddings))
    if kept is not None:
        return kept
    rng = np.random.default_rng([snapshot.project.config.seed, 14])
    rows = snapshot.field[sample_rows(len(snapshot.field), MOST_PLACED, rng)]
    points = centred_rows(np.asarray(snapshot.embeddings.vectors[rows], dtype=np.float32))
    found = project(points, on_step=lambda done, of: tell(snapshot.on_progress, "map", done, of))
    made = Atlas(rows, found.places, found.near[:, :KEPT].astype(np.int32))
    with suppress(ProjectError):  # only a cache: the medium may be read-only, or full
        _write(folder, now, made)
    return made


def _read(folder: Path, now: str, items: int) -> Atlas | None:
    try:
        if (folder / "of.txt").read_text(encoding="utf-8") != now or not check_seal(folder):
            return None
        rows, places, near = (read_array(folder / f"{name}.npy") for name in ("rows", "places", "near"))
    except (OSError, ValueError):
        return None
    n = len(rows)
    fits = rows.ndim == 1 and places.shape == (n, 2) and near.ndim == 2 and len(near) == n
    if not fits or not n or rows.max() >= items or not np.isfinite(places).all():
        return None
    return Atlas(rows, places, near)


def _write(folder: Path, now: str, made: Atlas) -> None:
    sweep(folder.parent, folder.name)
    part = beside(folder)
    with writing(folder):
        try:
            part.mkdir(parents=True)
            np.save(part / "rows.npy", made.rows)
            np.save(part / "places.npy", made.places)
            np.save(part / "near.npy", made.near)
            (part / "of.txt").write_text(now, encoding="utf-8")
            seal(part)
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)  # of two processes that make it at once, one wins
        finally:
            shutil.rmtree(part, ignore_errors=True)
