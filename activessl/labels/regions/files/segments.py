"""Series with segments, in one ``.npz``.

Either ``X`` (n, time) or (n, channels, time) with ``segments`` (m, 4): item, start, end (exclusive) and class, and
optionally ``class_names`` and ``split``; or, as collections of segmented series have them, for each series
``NAME__values`` (time,) or (channels, time), ``NAME__change_points`` (c,) and ``NAME__segment_classes`` (c + 1,).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from activessl.errors import LabelError, PoolError
from activessl.labels.regions.checks import check_region
from activessl.labels.regions.files.data import RegionData, held_pool, made, split_of
from activessl.labels.regions.places import Segment
from activessl.labels.regions.region import Region, Regions
from activessl.pool.arrays import npz_keys, read_npz
from activessl.pool.sources import load_pool

_POINTS = "__change_points"


def has_segments(path: Path) -> bool:
    """Whether an ``.npz`` holds series with segments."""
    if path.suffix.lower() != ".npz":
        return False
    try:
        keys = npz_keys(path)
    except PoolError:
        return False
    return "segments" in keys or any(key.endswith(_POINTS) for key in keys)


def read_segments(path: Path) -> RegionData:
    """Read the file.

    Raises:
        LabelError: The segments do not fit the series.
        PoolError: The file cannot be read.
    """
    keys = npz_keys(path)
    return _listed(path, keys) if "segments" in keys else _packed(path, keys)


def _listed(path: Path, keys: frozenset[str]) -> RegionData:
    pool = load_pool(path)
    told = read_npz(path, "segments")
    if told.ndim != 2 or told.shape[1] != 4 or told.dtype.kind not in "iu":
        raise LabelError(
            f"segments in {path} have shape {told.shape} and type {told.dtype}",
            hint="store whole numbers (m, 4): item, start, end and class",
        )
    names = [str(name) for name in read_npz(path, "class_names")] if "class_names" in keys else None
    stored = len(read_npz(path, "X")) if "X" in keys else len(pool)
    # rows that could not be read keep their number, and their segments are left out with them
    row_of = {int(item.rpartition(":")[2]): row for row, item in enumerate(pool.ids)} if "ids" not in keys else None
    found: list[list[Region]] = [[] for _ in pool.ids]
    left = 0
    for number, (item, start, end, label) in enumerate(told.tolist(), start=1):
        where = f"segment {number:,} of {path.name}"
        if not 0 <= item < stored or label < 0 or (names is not None and label >= len(names)):
            raise LabelError(
                f"{where} is of item {item} and class {label}, of {stored:,} items"
                + (f" and {len(names)} classes" if names is not None else ""),
                hint="number items and classes from 0",
            )
        row = item if row_of is None else row_of.get(item)
        if row is None:
            left += 1
            continue
        region = Region(_segment(start, end, where), (names[label] if names is not None else str(label),))
        found[row].append(check_region(region, pool.items[row].shape, where))
    notes = [f"{left:,} segments of series that cannot be read are left out"] if left else []
    split = None
    if "split" in keys:
        values = read_npz(path, "split")
        if len(values) != stored:
            raise LabelError(f"split has {len(values):,} values for {stored:,} items", hint="store one value per item")
        kept = range(stored) if row_of is None else list(row_of)
        split = split_of([values[row].item() for row in kept], path.name)
    regions = [tuple(sorted(one, key=lambda region: region.place.start)) for one in found]  # type: ignore[union-attr]  # pyright: ignore
    return made(pool, regions, "segment", split=split, notes=notes)


def _packed(path: Path, keys: frozenset[str]) -> RegionData:
    names = sorted(key.removesuffix(_POINTS) for key in keys if key.endswith(_POINTS))
    values: dict[str, Any] = {}
    regions: list[Regions] = []
    for name in names:
        missing = [end for end in ("__values", "__segment_classes") if name + end not in keys]
        if missing:
            raise LabelError(f"{path} has {name}{_POINTS}, but no {name}{missing[0]}", hint="store all three arrays")
        series = np.atleast_2d(read_npz(path, f"{name}__values")).astype(np.float32)
        points = read_npz(path, name + _POINTS).ravel().tolist()
        classes = read_npz(path, f"{name}__segment_classes").ravel().tolist()
        if not all(isinstance(point, int | float) for point in points):
            raise LabelError(f"{name}{_POINTS} in {path} holds no numbers", hint="store sample numbers from 0")
        edges = [0, *points, series.shape[1]]
        if len(classes) != len(points) + 1:
            raise LabelError(
                f"{name} in {path} has {len(points)} change points and {len(classes)} classes of segments",
                hint="store one class more than change points",
            )
        values[name] = series
        regions.append(
            tuple(
                check_region(
                    Region(_segment(start, end, f"{name} in {path.name}"), (str(label),)),
                    series.shape,
                    f"{name} in {path.name}",
                )
                for start, end, label in zip(edges[:-1], edges[1:], classes, strict=True)
            )
        )
    return made(held_pool(path, "series", values), regions, "segment")


def _segment(start: float, end: float, where: str) -> Segment:
    try:
        return Segment(start, end)
    except LabelError as error:
        raise LabelError(f"{where}: {error.message}", hint=error.hint) from None
