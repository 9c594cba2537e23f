"""``activessl simulate`` on data with regions: boxes, masks, spans or segments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from activessl.errors import ConfigError
from activessl_cli import render

if TYPE_CHECKING:
    from activessl.labels.regions.files.data import RegionData
    from activessl.measuring.planning.region_pace import RegionPace


def regions_of(source: Path, kind: str | None) -> RegionData | None:
    """The regions of a source; None if it has classes of whole items, or no labels.

    Raises:
        ConfigError: The kind is unknown, or the source holds no regions although a kind was named.
    """
    from activessl.labels.regions.files.read import read_regions

    kinds: dict[str, Literal["box", "mask", "span", "segment"]] = {
        name: name for name in ("box", "mask", "span", "segment")
    }
    if kind is not None and kind not in kinds:
        raise ConfigError(f"regions of the kind {kind!r} are not known", hint=f"use one of {', '.join(kinds)}")
    found = read_regions(source, None if kind is None else kinds[kind])
    if found is None and kind is not None:
        raise ConfigError(
            f"{source} holds no regions",
            hint="give a COCO or VOC folder, images/ and masks/, CoNLL, tokens and tags, or series with segments",
        )
    return found


def simulate_regions(
    data: RegionData,
    *,
    strategies: list[str],
    seeds: int,
    budgets: tuple[int, ...],
    encoder: str,
    minutes: float,
    random_share: float,
    seed: int,
    cache: Path | None,
    seconds: str,
    as_json: bool,
) -> None:
    """Encode the parts of the items, simulate, and print the curves."""
    import tempfile

    from activessl.encoders.parts.registry import fit_parts
    from activessl.encoders.parts.store import encode_parts
    from activessl.measuring.simulation import regions as core
    from activessl.measuring.simulation.region_task import RegionTask

    pace = _pace(seconds)
    for note in data.notes:
        render.story(note)
    if data.pool.unreadable:
        first = data.pool.unreadable[0]
        render.story(
            f"{len(data.pool.unreadable):,} items could not be read and are left out; the first is "
            f"{first.id}: {first.why}"
        )
    with tempfile.TemporaryDirectory() as folder:
        with render.progress("encode") as on_progress:
            made = fit_parts(
                encoder, data.pool, folder=Path(folder), seed=seed, minutes=minutes, on_progress=on_progress
            )
            parts = encode_parts(made, data.pool, Path(folder) / "parts", on_progress=on_progress)
        task = RegionTask(parts, data.extents, data.regions, data.kind, data.classes, data.split)
        free = len(task.sides(seed, 0)[0])
        counts = budgets or tuple(count for count in (20, 40, 80, 160) if count <= free) or (free,)
        with render.progress("simulate") as on_progress:
            outcome = core.simulate_regions(
                task,
                strategies=strategies,
                seeds=seeds,
                budgets=counts,
                seed=seed,
                random_share=random_share,
                cache=cache,
                pace=pace,
                on_progress=on_progress,
            )
    result = outcome.to_dict()
    result["settings"]["encoder"] = made.name
    render.result(result, outcome.to_text(), as_json=as_json)


def _pace(seconds: str) -> RegionPace:
    from activessl.measuring.planning.region_pace import RegionPace

    try:
        said = [float(part) for part in seconds.split(",")]
        if len(said) in (2, 3):
            return RegionPace(*said)
    except ValueError:
        pass
    raise ConfigError(
        f"{seconds!r} are no seconds of an item, a region and a correction",
        hint="give two or three numbers: --seconds 3,8 or --seconds 3,8,2",
    )
