"""Do maps show what the model looks at? The deletion test on real data, and the defects of tiles by their masks.

    python tests/benchmarks/explanations.py DATA WORK --set magnetic_tile --encoder pretrained --items 24

DATA has the files of the measurements (CONTRIBUTING.md); WORK keeps encoders and embeddings between runs. One line of
JSON is printed, and appended to WORK/explanations.jsonl. With --captum, an encoder that is a torch module is compared
with two methods of captum, on the same items. Seconds are of one core's computing time.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch
from PIL import Image
from scipy import ndimage

from activessl.encoders.embeddings import embed
from activessl.encoders.registry import fit_encoder
from activessl.explaining.deletion import drops_of, over_items, rate_of
from activessl.explaining.occlusion import PlaceMap, occlusion_map
from activessl.explaining.pictures import picture_places
from activessl.explaining.places import places_of
from activessl.explaining.recordings import series_places
from activessl.explaining.windows import strongest
from activessl.geometry.smoothing import smooth
from activessl.geometry.units import centred_rows
from activessl.heads.registry import make_head
from activessl.measuring.intervals import mean_interval
from activessl.pool.pool import Pool
from activessl.pool.sources import load_pool
from activessl.scoring.model import Model


def pool_of(data: Path, name: str, most: int) -> tuple[Pool, np.ndarray]:
    """The pool of a set, and its classes; of a large one, evenly spaced items."""
    if (data / f"{name}.parquet").exists():
        import pyarrow.parquet as pq

        pool = load_pool(data / f"{name}.parquet")
        column = pq.read_table(data / f"{name}.parquet").column("label").to_pylist()
        y = np.unique(np.array(column), return_inverse=True)[1]
    else:
        pool = load_pool(data / f"{name}.npz")
        y = np.load(data / f"{name}.npz")["labels"].astype(int)
    rows = range(0, len(pool), -(-len(pool) // most))
    return pool.subset(pool.ids[row] for row in rows), y[list(rows)]


def model_of(args: argparse.Namespace, pool: Pool, y: np.ndarray) -> tuple[Model, np.ndarray]:
    """A model of random labels, and the labeled rows."""
    settings = {} if args.minutes is None else {"minutes": args.minutes}
    encoder = fit_encoder(args.encoder, pool, folder=args.work / "encoders" / args.set, seed=0, **settings)
    found = embed(encoder, pool, args.work / "embeddings" / args.set / encoder.fingerprint)
    placed = smooth(centred_rows(found.vectors))
    placed = placed.plain if args.plain else placed
    rng = np.random.default_rng(args.seed)
    rows = np.sort(np.concatenate([rng.permutation(np.flatnonzero(y == k))[: args.labels] for k in range(y.max() + 1)]))
    head = make_head("logistic" if args.plain else "auto", int(y.max()) + 1).fit(placed.points[rows], y[rows])
    names = tuple(str(k) for k in range(int(y.max()) + 1))
    model = Model(encoder, pool.modality, names, found.mean, placed, head, "auto", placed.usual_reach(), axes=pool.axes)
    return model, rows


class Masks:
    """The masks of the defects, in the order of the tiles."""

    def __init__(self, path: Path) -> None:
        self.file = np.load(path)

    def of(self, row: int) -> np.ndarray:
        """(h, w) True on the defect."""
        masks, offsets = self.file["masks"], self.file["offsets"]
        picture = Image.open(io.BytesIO(masks[offsets[row] : offsets[row + 1]].tobytes()))
        return np.asarray(picture.convert("L")) > 0


def resized(values: np.ndarray, shape: tuple[int, ...], how: Image.Resampling) -> np.ndarray:
    """A map at the size of the mask."""
    return np.asarray(Image.fromarray(values.astype(np.float32)).resize((shape[1], shape[0]), how))


def hits(values: np.ndarray, mask: np.ndarray) -> tuple[float, float, float]:
    """The share of the defect in the best fifth; whether the best point hits it, and the chance of that."""
    best = resized(strongest(values), mask.shape, Image.Resampling.NEAREST) > 0.5
    # the pointing game allows a small distance (Zhang et al. 2018, arXiv 1608.00507): a twentieth of the side
    near = ndimage.binary_dilation(mask, iterations=max(1, max(mask.shape) // 20))
    point = np.unravel_index(int(resized(values, mask.shape, Image.Resampling.BILINEAR).argmax()), mask.shape)
    return float(best[mask].mean()), float(near[point]), float(near.mean())


def captum_maps(model: Model, pixels: np.ndarray, column: int, grid: tuple[int, ...]) -> dict[str, tuple[Any, float]]:
    """Maps of captum's Occlusion and IntegratedGradients, and the seconds of each. Needs an unsmoothed model."""
    from captum.attr import IntegratedGradients, Occlusion

    from activessl.encoders.training.material import normalise, tokens_by_region
    from activessl.encoders.training.vit import patchify

    encoder: Any = model.encoder
    head: Any = model.head
    mean, coef = torch.tensor(model.mean, dtype=torch.float32), torch.tensor(head.coef_, dtype=torch.float32)
    centre, shift = torch.tensor(head.centre_, dtype=torch.float32), torch.tensor(head.intercept_, dtype=torch.float32)

    def logits(pictures: torch.Tensor) -> torch.Tensor:
        patches = patchify(normalise(pictures / 255, encoder.mean, encoder.std), encoder.vit.config.patch)
        vectors = (tokens_by_region(encoder.vit, patches, encoder.grid) - encoder.pca_mean) @ encoder.pca
        points = torch.nn.functional.normalize(vectors - mean, dim=1)
        return torch.nn.functional.normalize(points - centre, dim=1) @ coef.T + shift

    picture = torch.from_numpy(encoder.image.tensor(pixels))[None].float()
    side = picture.shape[-1]
    blank = picture.mean((2, 3), keepdim=True).expand_as(picture)
    step = max(1, side // max(grid))
    found = {}
    started = time.process_time()
    with torch.no_grad():
        values = Occlusion(logits).attribute(
            picture,
            sliding_window_shapes=(picture.shape[1], 2 * step, 2 * step),
            strides=(picture.shape[1], step, step),
            baselines=blank,
            target=column,
            perturbations_per_eval=16,
        )
    found["captum occlusion"] = (values, time.process_time() - started)
    started = time.process_time()
    values = IntegratedGradients(logits).attribute(picture, baselines=blank, target=column, n_steps=32)
    found["captum integrated gradients"] = (values, time.process_time() - started)
    return {
        name: (
            torch.nn.functional.adaptive_avg_pool2d(values.detach().sum(1), grid)[0].numpy().astype(np.float64),
            seconds,
        )
        for name, (values, seconds) in found.items()
    }


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Run the deletion test, and where there are masks, compare with them."""
    torch.set_num_threads(1)
    pool, y = pool_of(args.data, args.set, args.most)
    model, labeled = model_of(args, pool, y)
    predicted = model.head.predict_proba(model.pool.points).argmax(axis=1)
    rng, rate = np.random.default_rng([args.seed, 1]), rate_of(pool)
    rows = np.setdiff1d(rng.permutation(len(pool)), labeled, assume_unique=True)
    accuracy = float((predicted[rows] == y[rows]).mean())
    rows = rng.permutation(rows)
    masks = Masks(args.data / "magnetic_tile_masks.npz") if args.set == "magnetic_tile" else None
    if masks is not None:  # a map of a wrong class has no reason to be on the defect
        rows = np.array([row for row in rows if predicted[row] == y[row] and masks.of(row).any()])
    drops: dict[str, list[Any]] = {}
    seconds: dict[str, list[float]] = {}
    hit: dict[str, list[tuple[float, float, float]]] = {}
    for row in rows[: args.items].tolist():
        media: Any = pool.read(row)
        if args.fill and pool.modality in ("image", "series"):
            places: Any = (picture_places if pool.modality == "image" else series_places)(media, fill=args.fill)
        else:
            places = places_of(pool.modality, media, rate)
        if places is None:
            continue
        column = int(predicted[row])
        started = time.process_time()
        ours = occlusion_map(model, places, column, rate)
        maps = {"ours": (ours.values, time.process_time() - started)}
        if args.captum:
            maps |= captum_maps(model, media, column, places.grid)
        for name, (values, took) in maps.items():
            found = PlaceMap(values, ours.axes, ours.probability, ours.copies)
            pattern = np.random.default_rng([args.seed, row])
            drops.setdefault(name, []).append(drops_of(model, places, found, column, pattern, rate))
            seconds.setdefault(name, []).append(took)
            if masks is not None:
                hit.setdefault(name, []).append(hits(values, masks.of(row)))
    told: dict[str, Any] = {"set": args.set, "encoder": args.encoder, "fill": args.fill or "default"}
    told |= {"plain": args.plain, "seed": args.seed, "labels": len(labeled), "accuracy": round(accuracy, 3)}
    for name, found in drops.items():
        test = over_items(found, seconds=float(np.mean(seconds[name])))
        told[name] = {key: round(value, 3) for key, value in test.to_dict().items() if value is not None}
        if name in hit:
            table = np.array(hit[name])
            low, high = mean_interval(table)
            for at, what in enumerate(("defect in the best fifth", "pointing game", "pointing game by chance")):
                told[name][what] = [round(float(v), 3) for v in (table[:, at].mean(), low[at], high[at])]
    return told


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("--set", default="magnetic_tile")
    parser.add_argument("--encoder", default="patches")
    parser.add_argument("--items", type=int, default=24)
    parser.add_argument("--labels", type=int, default=20, help="labels of each class")
    parser.add_argument("--most", type=int, default=2000, help="items of the pool")
    parser.add_argument("--minutes", type=float, help="training of the encoder")
    parser.add_argument("--fill", help="what hidden places show")
    parser.add_argument("--plain", action="store_true", help="a logistic head on vectors that are not smoothed")
    parser.add_argument("--captum", action="store_true")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    told = json.dumps(measure(args))
    print(told, flush=True)
    args.work.mkdir(parents=True, exist_ok=True)
    with (args.work / "explanations.jsonl").open("a", encoding="utf-8") as file:
        file.write(told + "\n")


if __name__ == "__main__":
    main()
