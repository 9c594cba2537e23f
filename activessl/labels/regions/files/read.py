"""Which form of data with regions a folder or a file is."""

from __future__ import annotations

from pathlib import Path

from activessl.errors import ConfigError, LabelError
from activessl.labels.regions.files import coco, masks, segments, tags, voc
from activessl.labels.regions.files.data import RegionData
from activessl.labels.regions.places import PlaceKind


def read_regions(source: Path, kind: PlaceKind | None = None) -> RegionData | None:
    """Read data with regions; None if the source has classes of whole items, or no labels.

    Args:
        source: A COCO folder (``images/`` and ``annotations.json``), a Pascal VOC folder, a folder with ``images/`` and
            ``masks/``, CoNLL, a ``.parquet`` or ``.jsonl`` of tokens and tags or of texts and spans, or an ``.npz`` of
            series with segments.
        kind: "box" or "mask", for data that have both.

    Raises:
        LabelError: The regions do not fit their items.
        PoolError: The items cannot be read.
    """
    found = _found(source, kind)
    if found is not None and kind is not None and found.kind != kind:
        raise LabelError(
            f"{source} holds regions of the kind {found.kind}, not {kind}", hint=f"leave out --regions {kind}"
        )
    return found


def _found(source: Path, kind: PlaceKind | None) -> RegionData | None:
    if source.is_dir():
        if coco.has_coco_regions(source):
            return coco.read_coco(source, kind if kind in ("box", "mask") else None)
        if voc.has_voc(source):
            return voc.read_voc(source)
        if masks.has_masks(source):
            return masks.read_masks(source)
    if tags.is_conll(source):
        return tags.read_conll(source)
    if source.suffix.lower() in (".parquet", ".jsonl") and source.is_file() and tags.is_tagged(_columns(source)):
        return tags.read_table(source)
    return segments.read_segments(source) if source.is_file() and segments.has_segments(source) else None


def _columns(source: Path) -> list[str]:
    """The columns of a table, without its rows where that is possible."""
    if source.suffix.lower() == ".parquet":
        import pyarrow.parquet

        try:
            return list(pyarrow.parquet.read_schema(source).names)
        except (OSError, ValueError):
            return []
    from activessl.labels.files.reading import parsed

    try:
        rows = parsed(source)
    except ConfigError:
        return []
    return list(rows[0]) if isinstance(rows, list) and rows and isinstance(rows[0], dict) else []
